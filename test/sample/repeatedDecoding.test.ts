/** Sampling of many codes in a call, against sampling with logits that come to the host for every code. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine, createRepeated } from "../../lib/engine/onnxruntime.js";
import type { Engine, Repeated } from "../../lib/engine/types.js";
import { noClass, sequenceLength, type VimConfig } from "../../lib/models/vim.js";
import { type Filter, PLAIN_SAMPLING } from "../../lib/sample/draw.js";
import { createSampler } from "../../lib/sample/sampler.js";
import { CHANGES, MODEL, sampled, weightsOf } from "./support.js";

const test = suite("sample/repeatedDecoding");

const host = await createOnnxEngine({ threads: 1 });
const turns: number[] = [];
const counted: Repeated = {
  async compile(...options) {
    const program = await (await createRepeated({ threads: 1 })).compile(...options);
    return {
      ...program,
      run: (inputs, each) => {
        turns.push(each.length);
        return program.run(inputs, each);
      },
    };
  },
};
const repeated: Engine = { ...host, repeated: counted };

for (const [name, change] of Object.entries(CHANGES))
  test(`${name} the same codes are drawn`, async () => {
    assert.equal(await sampled(repeated, change), await sampled(host, change));
  });

test("weights that are no part of the graph draw the same codes", async () => {
  assert.equal(await sampled(repeated, { largestBuiltIn: 0 }), await sampled(host));
});

test("a call fills the caches: up to 64 codes", async () => {
  const callsOf = async (...options: Parameters<typeof sampled>) => {
    turns.length = 0;
    await sampled(...options);
    return [...turns];
  };
  assert.is(sequenceLength(MODEL), 72);
  assert.equal(await callsOf(repeated), [63, 8]);
  assert.equal(await callsOf(repeated, { prefixLength: 13 }), [50, 8]);
  assert.equal(await callsOf(repeated, { prefixLength: 71 }), []);
  assert.equal(await callsOf(repeated, { model: { ...MODEL, grid: [3, 4] } }), [11]);
  assert.equal(await callsOf(repeated, { model: { ...MODEL, grid: [16, 10] } }), [63, 64, 32]);
});

test("every sequence has a filter of its own, and the progress of every position is told", async () => {
  const filters: Filter[] = [
    { temperature: 0, topK: 0, topP: 1 },
    { temperature: 0.8, topK: 5, topP: 0.9 },
    { temperature: 1.3, topK: 0, topP: 0.7 },
  ];
  const told: number[] = [];
  const draw = async (engine: Engine, guided: boolean, model: VimConfig = MODEL) => {
    const sampler = await createSampler({
      engine,
      model,
      weights: weightsOf(model),
      batchSize: 3,
      guidance: guided ? { scale: 3, schedule: "cosine" } : undefined,
    });
    const onPosition = (drawn: number) => told.push(drawn);
    const classIds = Int32Array.of(2, 0, guided ? 1 : noClass(model));
    const codes = await sampler.sample({ classIds, seeds: [7, 8, 9], filters, onPosition });
    await sampler.close();
    return [...codes];
  };
  for (const guided of [false, true]) {
    told.length = 0;
    assert.equal(await draw(repeated, guided), await draw(host, guided));
    const positions = Array.from({ length: 72 }, (_, i) => i + 1);
    assert.equal(told, [...positions, ...positions]);
  }
});

test("batches that cut codes and that do not may be under way together, and one that is left half does no harm", async () => {
  const sampler = await createSampler({ engine: repeated, model: MODEL, weights: weightsOf(MODEL), batchSize: 1 });
  const draw = (filter: Filter, onPosition = (_: number) => {}) =>
    sampler.sample({ classIds: Int32Array.of(1), seeds: [4], filters: [filter], onPosition });
  const filters = [PLAIN_SAMPLING, { ...PLAIN_SAMPLING, topK: 3 }];
  const alone = [await draw(filters[0]!), await draw(filters[1]!)];
  assert.not.equal(alone[0], alone[1]);
  const leaving = draw(filters[0]!, (drawn) => {
    if (drawn === 5) throw new Error("enough");
  });
  const [left, ...together] = await Promise.allSettled([leaving, ...filters.map((filter) => draw(filter))]);
  assert.is(left.status === "rejected" && (left.reason as Error).message, "enough");
  assert.equal(
    together.map((each) => each.status === "fulfilled" && each.value),
    alone,
  );
  await sampler.close();
});

test.run();
