import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NamedHostTensors } from "../../lib/engine/types.js";
import type { VimConfig } from "../../lib/models/vim.js";
import { KvCaches } from "../../lib/sample/kvCaches.js";

const test = suite("sample/kvCaches");

const MODEL: VimConfig = {
  dim: 6,
  heads: 2,
  mlpDim: 8,
  depth: 2,
  grid: [10, 15],
  vocabulary: 5,
  classes: 1,
  positions: "rowcol",
};
const [BATCH, HEADS, WIDTH, T] = [3, 2, 3, 150];

/** A value that says where it belongs. */
const at = (name: string, row: number, t: number, i: number) =>
  (name.charCodeAt(0) + Number(name[1])) * 1e5 + row * 1e4 + t * 10 + i;

/** New rows of positions from..from + count - 1, as a step returns them. */
function added(from: number, count: number): NamedHostTensors {
  const shape = [BATCH, HEADS, count, WIDTH];
  return Object.fromEntries(
    ["k0", "v0", "k1", "v1"].map((name) => {
      const rows = Array.from({ length: BATCH * HEADS }, (_, row) =>
        Array.from({ length: count }, (_, s) => Array.from({ length: WIDTH }, (_, i) => at(name, row, from + s, i))),
      );
      return [`new/${name}`, { dtype: "float32" as const, shape, data: Float32Array.from(rows.flat(2)) }];
    }),
  );
}

function expectFilled(caches: KvCaches, filled: number, room: number): void {
  const views = caches.views();
  const { shape, data: mask } = views["mask"]!;
  assert.equal(shape, [room]);
  assert.equal(
    [...mask],
    Array.from({ length: room }, (_, t) => (t < filled ? 0 : Number.NEGATIVE_INFINITY)),
  );
  for (const name of caches.names) {
    const view = views[name]!;
    assert.equal(view.shape, [BATCH, HEADS, room, WIDTH]);
    assert.ok(view.data.every(Number.isFinite), "what is masked is finite");
    for (let row = 0; row < BATCH * HEADS; row++)
      for (let t = 0; t < filled; t++)
        for (let i = 0; i < WIDTH; i++)
          assert.is(view.data[(row * room + t) * WIDTH + i], at(name, row, t, i), `${name}, row ${row}, position ${t}`);
  }
}

test("before the first position there is room, and all of it masked", () => {
  expectFilled(new KvCaches(MODEL, BATCH), 0, 64);
});

test("rows stay in their places while the caches grow, and the rest is masked", () => {
  const caches = new KvCaches(MODEL, BATCH);
  const rooms = { 1: 64, 64: 64, 65: 128, 128: 128, 129: 150, 150: 150 }; // in steps of 64, never beyond a sequence
  for (let t = 0; t < T; t++) {
    caches.append(added(t, 1));
    const room = rooms[(t + 1) as keyof typeof rooms];
    if (room !== undefined) expectFilled(caches, t + 1, room);
  }
});

test("several positions at once are the same as one by one", () => {
  const caches = new KvCaches(MODEL, BATCH);
  caches.append(added(0, 70));
  expectFilled(caches, 70, 128);
  caches.append(added(70, 1));
  caches.append(added(71, 60));
  expectFilled(caches, 131, 150);
});

test("more positions than a sequence has are refused", () => {
  const caches = new KvCaches(MODEL, BATCH);
  caches.append(added(0, T));
  assert.throws(() => caches.append(added(T, 1)), /want at most 150 positions, got 151/);
});

test.run();
