import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openEngine } from "../../lib/engine/open.js";
import { initialise } from "../../lib/nn/params.js";
import {
  randomRows,
  type SamplingSize,
  samplingFeeds,
  samplingSpecs,
  samplingStep,
  samplingWork,
} from "../../lib/speed/sampling.js";
import { samplingBound } from "../../lib/speed/samplingBound.js";

const test = suite("speed/sampling");

const SIZE: SamplingSize = { dim: 16, depth: 2, heads: 2, vocabulary: 12, gridSide: 3, batch: 3, filled: 5 };

test("a step reads every key and value that is there", async () => {
  const engine = await openEngine("onnxruntime", { threads: 1 });
  const { step, inputs } = samplingStep(SIZE);
  const constants = initialise(samplingSpecs(SIZE), 1);
  const program = await engine.compile(step, { name: "step", inputs, constants });
  const logitsOf = async (rows: ReturnType<typeof randomRows>) => [
    ...(await program.run(samplingFeeds(SIZE, rows)))["logits"]!.data,
  ];
  const rows = randomRows(SIZE, 1);
  const want = await logitsOf(rows);
  assert.is(want.length, SIZE.batch * SIZE.vocabulary);
  for (const name of ["k0", "v1"]) {
    const { shape, data } = rows[name]!;
    const changed = { ...rows, [name]: { dtype: "float32" as const, shape, data: data.map((x) => x + 1) } };
    // To every key alike it would change no weight.
    if (name === "k0") changed[name]!.data[4 * 8] = 9; // last position of the first head
    assert.not.equal(await logitsOf(changed), want, name);
  }
  await program.dispose();
});

test("the work of a step is counted by hand, and the bound is the slower of reading and multiplying, and the cache", () => {
  const block = 16 * 48 + 48 + 16 * 16 + 16 + 2 * (16 * 64) + 64 + 16 + 4 * 16; // qkv, out, MLP, two norms
  const weights = 2 * block + 2 * 16 + 16 * 12 + 12; // the last norm and the head
  const work = samplingWork(SIZE);
  assert.equal(work, {
    weightBytes: 4 * weights,
    cacheBytes: 4 * 2 * 2 * 5 * 3 * 16,
    multiplyAdds: 3 * (2 * 12 * 16 ** 2 + 16 * 12),
  });
  const memoryBound = samplingBound(work, { bytes: 1, multiplyAdds: 1e9 });
  assert.is(memoryBound, work.weightBytes + work.cacheBytes);
  const computeBound = samplingBound(work, { bytes: 1e9, multiplyAdds: 1 });
  assert.ok(Math.abs(computeBound - work.multiplyAdds) < 1e-3);
});

test("no position is left after a full sequence", () => {
  const full = { ...SIZE, filled: 9 };
  assert.throws(() => samplingFeeds(full, randomRows(full, 1)), /no position after 9/);
});

test.run();
