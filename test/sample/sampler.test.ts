import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { UsageError } from "../../lib/errors.js";
import { noClass, sequenceLength, type VimConfig, vimForward, vimSpec } from "../../lib/models/vim.js";
import { flattenSpecs, initialise, paramTree } from "../../lib/nn/params.js";
import { PLAIN_SAMPLING } from "../../lib/sample/draw.js";
import { createSampler, type SampleRequest, type Sampler, type SamplerOptions } from "../../lib/sample/sampler.js";
import { expectRejection } from "../files/support.js";
import { goldenGpt } from "../models/support/goldenGpt.js";

const test = suite("sample/sampler");

const MODEL: VimConfig = {
  dim: 8,
  heads: 2,
  mlpDim: 16,
  depth: 2,
  grid: [3, 4],
  vocabulary: 20,
  classes: 3,
  positions: "rowcol",
};
const T = sequenceLength(MODEL);
const BATCH = 3;
const engine = await createOnnxEngine({ threads: 1 });

/** Weights larger than initial ones, so that logits and codes depend on what came before. */
function weightsOf(model: VimConfig): NamedHostTensors {
  const named = initialise(flattenSpecs(vimSpec(model)), 6);
  const scaled = Object.entries(named).map(
    ([name, t]) => [name, /gain$/.test(name) ? t : { ...t, data: t.data.map((v) => 12 * v) }] as const,
  );
  return Object.fromEntries(scaled);
}

async function withSampler<R>(options: Partial<SamplerOptions>, body: (sampler: Sampler) => Promise<R>): Promise<R> {
  const model = options.model ?? MODEL;
  const sampler = await createSampler({ engine, model, weights: weightsOf(model), batchSize: BATCH, ...options });
  try {
    return await body(sampler);
  } finally {
    await sampler.close();
  }
}

function request(change: Partial<SampleRequest> = {}): SampleRequest {
  return { classIds: Int32Array.of(0, 1, noClass(MODEL)), seeds: [11, 12, 13], filter: PLAIN_SAMPLING, ...change };
}

const rowOf = (codes: Int32Array, b: number) => [...codes.subarray(b * T, (b + 1) * T)];

test("the same seeds draw the same codes, other seeds others", () =>
  withSampler({}, async (sampler) => {
    const first = await sampler.sample(request());
    assert.equal(await sampler.sample(request()), first);
    const other = await sampler.sample(request({ seeds: [21, 22, 23] }));
    for (let b = 0; b < BATCH; b++) assert.not.equal(rowOf(other, b), rowOf(first, b));
    assert.ok(first.every((code) => code >= 0 && code < MODEL.vocabulary));
    assert.ok(new Set(first).size > 5, "the codes vary");
  }));

test("a sequence does not depend on its neighbours in the batch nor on its place in it", () =>
  withSampler({}, async (sampler) => {
    const alone = rowOf(await sampler.sample(request()), 1);
    const among = request({ classIds: Int32Array.of(2, 1, 0), seeds: [91, 12, 93] });
    assert.equal(rowOf(await sampler.sample(among), 1), alone);
    const last = request({ classIds: Int32Array.of(2, 0, 1), seeds: [91, 93, 12] });
    assert.equal(rowOf(await sampler.sample(last), 2), alone);
  }));

test("the class changes the sequence of a seed", () =>
  withSampler({}, async (sampler) => {
    const codes = await sampler.sample(request({ seeds: [5, 5, 5] }));
    assert.not.equal(rowOf(codes, 0), rowOf(codes, 1));
    assert.not.equal(rowOf(codes, 1), rowOf(codes, 2));
  }));

test("weights in the graph and weights as inputs draw the same codes", async () => {
  const [packed, fed] = await Promise.all(
    [true, false].map((prepack) => withSampler({ prepack }, (sampler) => sampler.sample(request()))),
  );
  assert.equal(packed, fed);
});

test("at temperature 0 each code is the likeliest after those before it, by a pass without cache", async () => {
  const greedy = request({ filter: { ...PLAIN_SAMPLING, temperature: 0 } });
  const codes = await withSampler({}, (sampler) => sampler.sample(greedy));
  const program = await engine.compile(
    (inputs) => {
      const [classIds, given] = [inputs["in/classes"]!, inputs["in/codes"]!];
      return { logits: vimForward(paramTree(vimSpec(MODEL), inputs), MODEL, { classIds, codes: given }).logits };
    },
    {
      name: "forward",
      inputs: { "in/classes": { dtype: "int32", shape: [BATCH] }, "in/codes": { dtype: "int32", shape: [BATCH, T] } },
      constants: weightsOf(MODEL),
    },
  );
  const { logits } = await program.run({
    "in/classes": { dtype: "int32", shape: [BATCH], data: greedy.classIds },
    "in/codes": { dtype: "int32", shape: [BATCH, T], data: codes },
  });
  await program.dispose();
  const K = MODEL.vocabulary;
  const likeliest = Array.from({ length: BATCH * T }, (_, row) => {
    const values = logits!.data.subarray(row * K, (row + 1) * K);
    return values.indexOf(Math.max(...values));
  });
  assert.equal([...codes], likeliest);
});

test("progress is told after every position", () =>
  withSampler({}, async (sampler) => {
    const told: number[] = [];
    await sampler.sample(request({ onPosition: (drawn) => told.push(drawn) }));
    assert.equal(
      told,
      Array.from({ length: T }, (_, t) => t + 1),
    );
  }));

test("a token shift gets the token before from one position to the next: greedy codes are the port's", async () => {
  const { model, tensors, classIds, all } = await goldenGpt();
  const options = { model, weights: tensors, batchSize: classIds.length };
  const greedy = request({ classIds, filter: { ...PLAIN_SAMPLING, temperature: 0 } });
  for (const prepack of [true, false])
    await withSampler({ ...options, prepack }, async (sampler) => {
      const want = [...all["full.greedy_codes"]!.data];
      assert.equal([...(await sampler.sample(greedy))], want);
      assert.equal([...(await sampler.sample(greedy))], want, "nothing is left of the sequences before");
    });
});

test("a sequence of one code needs no cache", async () => {
  const model: VimConfig = { ...MODEL, grid: [1, 1] };
  for (const each of [model, { ...model, tokenShift: true }])
    await withSampler({ model: each }, async (sampler) => {
      const codes = await sampler.sample(request());
      assert.is(codes.length, BATCH);
    });
});

test("a filter out of range and a request of another size are refused", () =>
  withSampler({}, async (sampler) => {
    const filter = { ...PLAIN_SAMPLING, topP: 0 };
    await expectRejection(sampler.sample(request({ filter })), UsageError, /^top-p: want/);
    await expectRejection(sampler.sample(request({ seeds: [1, 2] })), RangeError, /want 3 classes and seeds/);
  }));

test.run();
