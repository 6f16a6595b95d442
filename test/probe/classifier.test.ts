import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { readHostTensors, weightsHash, writeHostTensors } from "../../lib/files/hostTensors.js";
import { openRun } from "../../lib/files/runDirectory.js";
import { type VimConfig, vimSpec } from "../../lib/models/vim.js";
import { flattenSpecs, initialise } from "../../lib/nn/params.js";
import { openClassifier } from "../../lib/probe/classifier.js";
import { type ClassifierHeader, readClassifier, writeClassifier } from "../../lib/probe/classifierFile.js";
import { createFeatureExtractor } from "../../lib/probe/features.js";
import { rngFrom } from "../../lib/random.js";
import { expectClose, inTemporaryFolder } from "../support.js";

const test = suite("probe/classifier");

const engine = await createEagerEngine("cpu");

const model: VimConfig = {
  dim: 6,
  depth: 3,
  heads: 2,
  mlpDim: 12,
  grid: [2, 3],
  vocabulary: 9,
  classes: 3,
  positions: "rowcol",
};
const [T, D, C] = [6, 6, 4];
const { integer, normal } = rngFrom(7);
const codes = Int32Array.from({ length: 5 * T }, () => integer(model.vocabulary));
const weights = Object.fromEntries(
  Object.entries(initialise(flattenSpecs(vimSpec(model)), 1)).map(([name, tensor]) => [
    name,
    { ...tensor, data: tensor.data.map((value) => value + 0.3 * normal()) },
  ]),
);
const head = {
  mean: Float64Array.from({ length: D }, () => normal()),
  scale: Float64Array.from({ length: D }, () => 0.5 + Math.abs(normal())),
  weights: Float64Array.from({ length: D * C }, () => normal()),
  bias: Float64Array.from({ length: C }, () => normal()),
};

const headerOf = (vim: string, block: number): ClassifierHeader => ({
  classNames: ["cat", "dog", "owl", "yak"],
  block,
  pooling: "mean",
  vim: { file: path.join(vim, "model.safetensors"), hash: weightsHash(weights), model },
  tokenizer: { hash: "abc", run: "/somewhere/vq" },
  resize: "squash",
  test: { top1: 0.5, top5: 1, images: 20 },
  trainImages: 80,
  l2: 1e-3,
});

/** A finished VIM in `vim` and a classifier of one of its blocks in `probe`, both in a folder. */
async function written(folder: string, block: number, given = weights): Promise<{ vim: string; file: string }> {
  const vim = path.join(folder, "vim");
  const run = await openRun(vim, { mode: "force", command: "train-vim" });
  await run.writeConfig({ command: "train-vim", model });
  await run.finish(given, { step: 1 });
  await run.close();
  const file = path.join(folder, "probe", "classifier.safetensors");
  await writeClassifier(file, head, headerOf(vim, block));
  return { vim, file };
}

/** The formula in plain loops, on the features of the extractor. */
async function slowly(block: number): Promise<number[]> {
  const extractor = await createFeatureExtractor({ engine, model, weights, blocks: [block], batchSize: 5 });
  const [features] = await extractor.extract(codes);
  await extractor.close();
  return Array.from({ length: 5 }, (_, n) => {
    const x = Array.from(head.mean, (mean, d) => (features![n * D + d]! - mean) / head.scale[d]!);
    const e = Array.from(head.bias, (b, c) =>
      Math.exp(x.reduce((sum, value, d) => sum + value * head.weights[d * C + c]!, b)),
    );
    const total = e.reduce((a, b) => a + b, 0);
    return e.map((value) => value / total);
  }).flat();
}

const message = (promise: Promise<unknown>) =>
  promise.then(
    () => "nothing was thrown",
    (error: Error) => `${error.name}: ${error.message}`,
  );

test("gives the probabilities of the formula, whatever block and batch, on both engines", () =>
  inTemporaryFolder(async (folder) => {
    const onnx = await createOnnxEngine({ threads: 1 });
    for (const block of [0, 2, 3]) {
      const { file } = await written(folder, block);
      const wanted = await slowly(block);
      for (const [using, batchSize] of [
        [engine, 2],
        [onnx, 5],
        [onnx, 3],
      ] as const) {
        const classifier = await openClassifier(file, { engine: using, batchSize });
        assert.equal(classifier.classNames, ["cat", "dog", "owl", "yak"]);
        const probabilities = await classifier.classify(codes);
        expectClose(probabilities, wanted, `block ${block}, ${using.name}`, { absolute: 1e-5 });
        assert.is((await classifier.classify(new Int32Array(0))).length, 0);
        assert.match(await message(classifier.classify(codes.subarray(1))), "want rows of 6 codes, got 29 codes");
        await classifier.close();
      }
    }
    assert.ok(Math.abs((await slowly(2))[0]! - (await slowly(3))[0]!) > 1e-3, "blocks differ");
  }));

test("a file says again what it was told, and equal ones have equal bytes", () =>
  inTemporaryFolder(async (folder) => {
    const { vim, file } = await written(folder, 2);
    const { path: own, tensors, ...header } = await readClassifier(file);
    assert.is(own, file);
    assert.equal(header, headerOf(vim, 2));
    expectClose(tensors["weights"]!.data, head.weights, "weights", { relative: 1e-7 });
    const bytes = await readFile(file);
    await writeClassifier(file, head, headerOf(vim, 2));
    assert.ok(bytes.equals(await readFile(file)));
  }));

test("finds its VIM when both move together, when it moves alone, and where it is told", () =>
  inTemporaryFolder(async (folder) => {
    const first = path.join(folder, "first");
    const { file } = await written(first, 2);
    const opened = async (at: string, vim?: string) => {
      const classifier = await openClassifier(at, { engine, batchSize: 2, vim });
      await classifier.close();
      return classifier.stored.vim.file;
    };
    const alone = path.join(folder, "alone.safetensors");
    await writeFile(alone, await readFile(file));
    assert.is(await opened(alone), path.join(first, "vim", "model.safetensors"));
    const moved = path.join(folder, "deeper", "second");
    await mkdir(path.dirname(moved));
    await rename(first, moved);
    const together = path.join(moved, "probe", "classifier.safetensors");
    assert.is(await opened(together), path.join(moved, "vim", "model.safetensors"));
    assert.match(await message(opened(alone)), /FileError: .*alone.*the VIM it was fitted to is not where it was/);
    await opened(alone, path.join(moved, "vim"));
  }));

test("refuses a VIM with other weights", () =>
  inTemporaryFolder(async (folder) => {
    const other = { ...weights, codes: { ...weights["codes"]!, data: weights["codes"]!.data.map((x) => x + 1) } };
    const { file } = await written(folder, 2, other);
    const why = await message(openClassifier(file, { engine, batchSize: 2 }));
    assert.match(
      why,
      /FileError: .*fitted to a VIM with the weights [0-9a-f]{12}, .*vim.model\.safetensors has [0-9a-f]{12}/,
    );
  }));

test("refuses files that are none, or do not hold together", () =>
  inTemporaryFolder(async (folder) => {
    const { vim, file } = await written(folder, 2);
    assert.match(await message(readClassifier(path.join(vim, "model.safetensors"))), /FileError: .*not a classifier/);
    const { tensors, metadata } = await readHostTensors(file);
    const broken = path.join(folder, "broken.safetensors");
    const { bias, ...others } = tensors;
    await writeHostTensors(broken, others, metadata);
    assert.match(await message(readClassifier(broken)), "want bias [4], got none");
    await writeHostTensors(broken, { ...tensors, bias: { ...bias!, shape: [2, 2] } }, metadata);
    assert.match(await message(readClassifier(broken)), "want bias [4], got float32 [2, 2]");
    const tell = async (change: object) => {
      const header = JSON.parse(metadata["metadata"]!) as object;
      await writeHostTensors(broken, tensors, { ...metadata, metadata: JSON.stringify({ ...header, ...change }) });
      return message(readClassifier(broken));
    };
    assert.match(await tell({ block: 4 }), "want a block from 0 to 3, got 4");
    assert.match(await tell({ classNames: "cat" }), "want classNames as a list of strings");
    assert.match(await tell({ vim: {} }), "which VIM it belongs to");
    assert.match(await tell({ tokenizer: null }), "whose codes it takes");
    assert.match(await tell({ pooling: "last" }), 'want pooling "mean", got "last"');
  }));

test.run();
