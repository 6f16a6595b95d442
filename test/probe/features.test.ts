import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine, withBackend } from "../../lib/engine/eager.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { noClass, type VimConfig, vimForward, vimSpec } from "../../lib/models/vim.js";
import { flattenSpecs, initialise, paramTree } from "../../lib/nn/params.js";
import { createFeatureExtractor, extractAll } from "../../lib/probe/features.js";
import { rngFrom } from "../../lib/random.js";
import { mapValues } from "../../lib/records.js";
import { expectClose } from "../support.js";

const test = suite("probe/features");

const engine = await createEagerEngine("cpu");

const model: VimConfig = {
  dim: 6,
  depth: 2,
  heads: 2,
  mlpDim: 12,
  grid: [2, 3],
  vocabulary: 9,
  classes: 3,
  positions: "rowcol",
};
const [T, D] = [6, 6];

/** Far from the start of training, where all embeddings are nearly 0. */
const weights = enlarged(initialise(flattenSpecs(vimSpec(model)), 1));
const { integer } = rngFrom(7);
const codes = Int32Array.from({ length: 5 * T }, () => integer(model.vocabulary));

function enlarged(tensors: NamedHostTensors): NamedHostTensors {
  const { normal } = rngFrom(2);
  const grown = Object.entries(tensors).map(
    ([name, tensor]) => [name, { ...tensor, data: tensor.data.map((value) => value + 0.3 * normal()) }] as const,
  );
  return Object.fromEntries(grown);
}

async function featuresOf(
  given: Int32Array,
  {
    blocks = [0, 1, 2],
    batchSize = 5,
    using = weights,
  }: { blocks?: number[]; batchSize?: number; using?: NamedHostTensors },
): Promise<Float32Array[]> {
  const extractor = await createFeatureExtractor({ engine, model, weights: using, blocks, batchSize });
  const features = await extractor.extract(given);
  await extractor.close();
  return features;
}

/** The weights with row `row` of the class embeddings moved. */
function withClassMoved(row: number): NamedHostTensors {
  const classes = weights["classes"]!;
  const data = classes.data.map((value, i) => (Math.floor(i / D) === row ? value + 1 : value));
  return { ...weights, classes: { ...classes, data } };
}

test("are the mean over all positions of each block's tokens", async () => {
  const [block1, block2] = await featuresOf(codes, { blocks: [1, 2] });
  const wanted = withBackend("cpu", () =>
    tf.tidy(() => {
      const named = Object.fromEntries(
        Object.entries(weights).map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
      );
      const { blocks } = vimForward(paramTree(vimSpec(model), named), model, {
        classIds: tf.fill([5], noClass(model), "int32"),
        codes: tf.tensor(codes, [5, T], "int32"),
      });
      return blocks.map((block) => block.dataSync()); // [5, T, D]
    }),
  );
  const mean = (block: ArrayLike<number>) =>
    Float32Array.from({ length: 5 * D }, (_, i) => {
      const [row, d] = [Math.floor(i / D), i % D];
      let sum = 0;
      for (let t = 0; t < T; t++) sum += block[(row * T + t) * D + d]!;
      return sum / T;
    });
  expectClose(block1!, mean(wanted[0]!), "block 1", { relative: 1e-5 });
  expectClose(block2!, mean(wanted[1]!), "block 2", { relative: 1e-5 });
});

test("of block 0 are the mean of the start token and the codes' embeddings, the last code unseen", async () => {
  const [embeddings] = await featuresOf(codes.subarray(0, T), { blocks: [0] });
  const [table, classes] = [weights["codes"]!.data, weights["classes"]!.data];
  const wanted = Array.from({ length: D }, (_, d) => {
    let sum = classes[noClass(model) * D + d]!;
    for (let t = 0; t < T - 1; t++) sum += table[codes[t]! * D + d]!;
    return sum / T;
  });
  expectClose(embeddings!, wanted, "embeddings", { relative: 1e-5 });
});

test("do not depend on the embeddings of classes, only on the one of no class", async () => {
  const before = await featuresOf(codes, {});
  for (const row of [0, 1, 2]) assert.equal(await featuresOf(codes, { using: withClassMoved(row) }), before);
  const moved = await featuresOf(codes, { using: withClassMoved(noClass(model)) });
  for (const [block, features] of moved.entries())
    assert.not.equal(features, before[block], `block ${block} starts with the token of no class`);
});

test("start with the mean of the classes' tokens where there is no token of no class", async () => {
  const classes = weights["classes"]!.data;
  const rows = (data: ArrayLike<number>, shape: number[]) =>
    ({ dtype: "float32", shape, data: Float32Array.from(data) }) as const;
  const named = { ...weights, classes: rows(classes.slice(0, 3 * D), [3, D]) };
  const options = { engine, blocks: [0, 1, 2], batchSize: 5 };
  const extractor = await createFeatureExtractor({ ...options, model: { ...model, classless: false }, weights: named });
  const features = await extractor.extract(codes);
  await extractor.close();
  const mean = Array.from({ length: D }, (_, d) => (classes[d]! + classes[D + d]! + classes[2 * D + d]!) / 3);
  const using = { ...weights, classes: rows([...classes.slice(0, 3 * D), ...mean], [4, D]) };
  for (const [block, wanted] of (await featuresOf(codes, { using })).entries())
    expectClose(features[block]!, wanted, `block ${block}`, { relative: 1e-5 });
});

test("are the same in whatever batches, the last one padded, and in the order of blocks asked for", async () => {
  const [embeddings, block1, block2] = await featuresOf(codes, {});
  for (const batchSize of [1, 2, 3, 8]) {
    const [last, first] = await featuresOf(codes, { blocks: [2, 0], batchSize });
    expectClose(last!, block2!, `block 2, batches of ${batchSize}`, { relative: 1e-6 });
    expectClose(first!, embeddings!, `embeddings, batches of ${batchSize}`, { relative: 1e-6 });
  }
  assert.ok(
    block1!.some((value, i) => Math.abs(value - block2![i]!) > 0.01),
    "blocks differ",
  );
});

test("of a file's rows are read batch by batch and reported", async () => {
  const rows = { count: 5, readRange: (from: number, count: number) => codes.subarray(from * T, (from + count) * T) };
  const extractor = await createFeatureExtractor({ engine, model, weights, blocks: [1, 2], batchSize: 2 });
  const seen: number[] = [];
  const all = await extractAll({ extractor, rows, batchSize: 2, onProgress: (images) => seen.push(images) });
  await extractor.close();
  assert.equal(seen, [2, 4, 5]);
  const whole = await featuresOf(codes, { blocks: [1, 2] });
  for (const [i, features] of all.entries()) expectClose(features, whole[i]!, `block ${i + 1}`, { relative: 1e-6 });
});

test("are the same on ONNX Runtime", async () => {
  const onnx = await createOnnxEngine({ threads: 1 });
  const own = mapValues(weights, (tensor) => ({ ...tensor, data: tensor.data.slice() }));
  const given = { weights: own, givesUpWeights: true };
  const extractor = await createFeatureExtractor({ engine: onnx, model, ...given, blocks: [0, 1, 2], batchSize: 2 });
  assert.is(own["blocks/0/attention/qkv/kernel"]!.data.length, 0, "given up");
  const features = await extractor.extract(codes);
  await extractor.close();
  for (const [block, wanted] of (await featuresOf(codes, {})).entries())
    expectClose(features[block]!, wanted, `block ${block}`, { relative: 1e-5 });
});

test("of a VIM without classes and with a single code come as well", async () => {
  const single: VimConfig = { ...model, grid: [1, 1], classes: 0, positions: "learned" };
  const using = initialise(flattenSpecs(vimSpec(single)), 1);
  const extractor = await createFeatureExtractor({
    engine,
    model: single,
    weights: using,
    blocks: [0, 2],
    batchSize: 2,
  });
  const [embeddings] = await extractor.extract(Int32Array.of(3));
  await extractor.close();
  expectClose(embeddings!, using["classes"]!.data, "the start token alone", { relative: 1e-6 });
});

test("refuse a block that is not there and rows that are cut short", async () => {
  const message = (promise: Promise<unknown>) => promise.then(() => "nothing was thrown", String);
  assert.match(await message(featuresOf(codes, { blocks: [3] })), "want blocks from 0 to 2, got 3");
  assert.match(await message(featuresOf(codes.subarray(1), {})), "want rows of 6 codes, got 29");
});

test.run();
