/** Drawing as part of a graph, against drawing on the host. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { HostTensor } from "../../lib/engine/types.js";
import { rngFrom } from "../../lib/random.js";
import { drawCode, type Filter, PLAIN_SAMPLING } from "../../lib/sample/draw.js";
import { cutsCodes, drawCodes, drawInputs, filterTensors, guidedBatch } from "../../lib/sample/drawStep.js";
import { guidedLogits } from "../../lib/sample/guidance.js";
import { float32 } from "../../lib/sample/tensors.js";
import { expectClose } from "../support.js";

const test = suite("sample/drawStep");

const engine = await createOnnxEngine({ threads: 1 });
const K = 50;

type Row = { readonly logits: readonly number[]; readonly filter: Filter; readonly uniform: number };

/** The codes of rows that are drawn together in a graph. */
async function drawn(rows: readonly Row[]): Promise<number[]> {
  const { length: K } = rows[0]!.logits;
  const filters = rows.map(({ filter }) => filter);
  const program = await engine.compile(({ logits, ...inputs }) => ({ codes: drawCodes(logits!, inputs) }), {
    name: "draw",
    inputs: { logits: { dtype: "float32", shape: [rows.length, K] }, ...drawInputs(rows.length, cutsCodes(filters)) },
  });
  const { codes } = await program.run({
    logits: matrix(rows.map(({ logits }) => logits)),
    ...filterTensors(filters, K),
    uniform: float32(rows.map(({ uniform }) => uniform)),
  });
  await program.dispose();
  return [...codes!.data];
}

const wanted = (rows: readonly Row[]) =>
  rows.map(({ logits, filter, uniform }) => drawCode(Float32Array.from(logits), filter, uniform));

function matrix(rows: readonly (readonly number[])[]): HostTensor {
  return { dtype: "float32", shape: [rows.length, rows[0]!.length], data: Float32Array.from(rows.flat()) };
}

test("every filter draws what the host draws, each row by its own", async () => {
  const rng = rngFrom(5);
  const either = <T>(...values: readonly T[]): T => values[rng.integer(values.length)]!;
  const rows = Array.from({ length: 2000 }, (): Row => {
    const filter = {
      temperature: either(0, 0.5, 1, 1.7),
      topK: either(0, 1, 3, 20, K, 2 * K),
      topP: either(1, 0.9, 0.5, 0.05),
    };
    return { logits: Array.from({ length: K }, () => 2 * rng.normal()), filter, uniform: rng.uniform() };
  });
  const whole = rows.map((row) => ({ ...row, filter: { ...row.filter, temperature: 1.2, topK: 0, topP: 1 } }));
  assert.equal(
    [cutsCodes(rows.map(({ filter }) => filter)), cutsCodes(whole.map(({ filter }) => filter))],
    [true, false],
  );
  for (const some of [rows, whole]) {
    const [codes, want] = [await drawn(some), wanted(some)];
    assert.ok(new Set(want).size === K, "all codes are drawn");
    // A uniform within rounding of a boundary falls on the other side.
    assert.ok(codes.filter((code, i) => code !== want[i]).length <= 2);
  }
});

test("of equals top-k keeps all, top-p and temperature 0 the first", async () => {
  const rng = rngFrom(6);
  const rows = Array.from({ length: 500 }, (): Row => {
    const filter = [
      { ...PLAIN_SAMPLING, topK: 1 + rng.integer(6) },
      { ...PLAIN_SAMPLING, topP: [0.25, 0.4, 0.5, 0.7][rng.integer(4)]! },
      { ...PLAIN_SAMPLING, temperature: 0 },
    ][rng.integer(3)]!;
    return { logits: Array.from({ length: 8 }, () => rng.integer(3)), filter, uniform: rng.uniform() };
  });
  assert.equal(await drawn(rows), wanted(rows));
  const even = Array.from({ length: 4 }, () => 0);
  const half = [0, 0.6, 1 - 2 ** -24].map((uniform) => {
    return { logits: even, filter: { ...PLAIN_SAMPLING, topP: 0.5 }, uniform };
  });
  assert.equal(await drawn(half), [0, 1, 1], "mass that is reached exactly");
});

test("the ends of the uniform give the first and the last code that is left", async () => {
  const [low, high] = [0, 1 - 2 ** -24];
  const logits = [Number.NEGATIVE_INFINITY, 1, 2, 0.5, -200];
  for (const [filter, want] of [
    [PLAIN_SAMPLING, [1, 3]],
    [{ ...PLAIN_SAMPLING, topK: 2 }, [1, 2]],
  ] as const) {
    const rows = [low, high].map((uniform) => ({ logits, filter, uniform }));
    assert.equal(await drawn(rows), want);
  }
  // Beside the likeliest code, the first one's mass is lost in rounding; it is there all the same.
  const tail = [-20, 0, -30];
  const filter = { ...PLAIN_SAMPLING, topK: 2 };
  assert.equal(await drawn([{ logits: tail, filter, uniform: low }]), [0]);
  // Whatever the rounding of the whole: no code beyond the last.
  const rng = rngFrom(7);
  const many = Array.from({ length: 300 }, () => {
    return { logits: Array.from({ length: K }, () => rng.normal()), filter: PLAIN_SAMPLING, uniform: high };
  });
  for (const code of await drawn(many)) assert.ok(code < K);
});

test("temperatures near 0 and far from it overflow nothing", async () => {
  const logits = [1, 3, 2];
  const rows = [1e-30, 1e-4, 1e30].map((temperature) => {
    return { logits, filter: { ...PLAIN_SAMPLING, temperature }, uniform: 0.9 };
  });
  assert.equal(await drawn(rows), [1, 1, 2]);
});

test("what float32 takes for 0 is the likeliest code", async () => {
  const logits = [1, 3, 2];
  const filters = [
    { ...PLAIN_SAMPLING, temperature: 1e-46 },
    { ...PLAIN_SAMPLING, topP: 1e-46 },
  ];
  for (const filter of filters) assert.equal(await drawn([{ logits, filter, uniform: 0.9 }]), [1]);
});

test("guided logits are those of the host", async () => {
  const rng = rngFrom(8);
  const rows = Array.from({ length: 4 }, () => Float32Array.from({ length: K }, () => rng.normal()));
  const program = await engine.compile(({ logits, scale }) => ({ guided: guidedBatch(logits!, scale!) }), {
    name: "guide",
    inputs: { logits: { dtype: "float32", shape: [4, K] }, scale: { dtype: "float32", shape: [1] } },
  });
  const { guided } = await program.run({ logits: matrix(rows.map((row) => [...row])), scale: float32([2.5]) });
  await program.dispose();
  const want = [0, 1].flatMap((b) => [...guidedLogits(rows[b]!, { unconditional: rows[2 + b]!, scale: 2.5 })]);
  expectClose(guided!.data, want, "guided", { absolute: 1e-5 });
});

test.run();
