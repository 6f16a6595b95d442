import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { logitLaplaceLosses } from "../../lib/losses/logitLaplace.js";
import { autoencode, encoderTokens, type VitVqganConfig, vitVqganSpec } from "../../lib/models/vitVqgan.js";
import { flattenSpecs, initialise, paramTree } from "../../lib/nn/params.js";
import { rngFrom } from "../../lib/random.js";
import { mapValues } from "../../lib/records.js";
import { createAutoencoder, createDecoder, createEncoder, createFeaturizer } from "../../lib/sample/codec.js";
import { withPrefix } from "../../lib/train/named.js";
import { compilePlan, tokenizerPlan } from "../../lib/train/plans.js";
import { numbersOf, onCpu } from "../nn/support/eager.js";
import { expectClose } from "../support.js";
import { BATCH, imagesOf, TASK, TOKENIZER } from "../train/support.js";

const test = suite("sample/codec");

const STACK = { dim: 8, depth: 1, heads: 2, mlpDim: 12 };
const MODEL: VitVqganConfig = {
  imageSize: 8,
  channels: 3,
  patchSize: 4,
  encoder: STACK,
  decoder: STACK,
  codebookSize: 20,
  codeDim: 4,
  l2Norm: true,
  commitment: 0.25,
  straightThrough: "normalized",
  vqReduction: "mean",
  head: "tanh",
  positions: "sincos",
  logitLaplace: true,
};
const [T, PIXELS] = [4, 8 * 8 * 3];
const IMAGES = 5;

const weights = initialise(flattenSpecs(vitVqganSpec(MODEL)), 8);
const images = (() => {
  const rng = rngFrom(2);
  return Float32Array.from({ length: IMAGES * PIXELS }, () => 3 * rng.normal()); // far apart, so that codes vary
})();
const engine = await createOnnxEngine({ threads: 1 });

async function encoded(all: Float32Array, batchSize: number): Promise<Int32Array> {
  const encoder = await createEncoder({ engine, model: MODEL, weights, batchSize });
  const codes = await encoder.encode(all);
  await encoder.close();
  return codes;
}

async function decoded(codes: Int32Array, batchSize: number): Promise<Float32Array> {
  const decoder = await createDecoder({ engine, model: MODEL, weights, batchSize });
  const pictures = await decoder.decode(codes);
  await decoder.close();
  return pictures;
}

/** The model as it is, on the JavaScript backend. */
function eagerly(all: Float32Array) {
  return onCpu(() => {
    const tensors = Object.entries(weights).map(
      ([name, { data, shape }]) => [name, tf.tensor(data, [...shape])] as const,
    );
    const params = paramTree(vitVqganSpec(MODEL), Object.fromEntries(tensors));
    const batch = tf.tensor(all, [IMAGES, 8, 8, 3]);
    const { image, density, quantized } = autoencode(params, MODEL, batch);
    return {
      codes: numbersOf(quantized.codes),
      images: numbersOf(tf.clipByValue(image, 0, 1)),
      logitLaplace: numbersOf(logitLaplaceLosses(batch, density!)),
      tokens: numbersOf(encoderTokens(params, MODEL, batch)),
    };
  });
}
const want = eagerly(images);

test("codes and images are the model's, whether the last batch is full, short or all there is", async () => {
  for (const batchSize of [1, 2, 5, 8]) {
    const codes = await encoded(images, batchSize);
    assert.equal([...codes], want.codes, `batches of ${batchSize}`);
    expectClose(await decoded(codes, batchSize), want.images, `images in batches of ${batchSize}`, { absolute: 1e-5 });
  }
  assert.ok(new Set(want.codes).size > 3, "the codes vary");
});

test("what fills up the last batch does not matter: alone and beside others an image has the same bits", async () => {
  const [codes, pictures] = [await encoded(images, 2), await decoded(Int32Array.from(want.codes), 2)];
  for (const i of [0, 3, 4]) {
    assert.equal(await encoded(images.slice(i * PIXELS, (i + 1) * PIXELS), 2), codes.slice(i * T, (i + 1) * T));
    const alone = await decoded(codes.slice(i * T, (i + 1) * T), 2);
    assert.equal(alone, pictures.slice(i * PIXELS, (i + 1) * PIXELS), `picture ${i}`);
  }
});

test("weights that are given up are empty, and what is computed is the same", async () => {
  const creating = [createEncoder, createDecoder, createFeaturizer, createAutoencoder];
  for (const create of creating) {
    const own = mapValues(weights, (tensor) => ({ ...tensor, data: tensor.data.slice() }));
    const codec = await create({ engine, model: MODEL, weights: own, givesUpWeights: true, batchSize: 2 });
    assert.ok(
      Object.values(own).every(({ data }) => data.length === 0),
      create.name,
    );
    if ("encode" in codec) assert.equal([...(await codec.encode(images))], want.codes);
    await codec.close();
  }
});

test("of no images there are no codes, and of no codes no images", async () => {
  assert.equal(await encoded(new Float32Array(0), 2), new Int32Array(0));
  assert.equal(await decoded(new Int32Array(0), 2), new Float32Array(0));
  const { reconstructions, codes } = await autoencoded(new Float32Array(0), 2);
  assert.equal([reconstructions, codes], [new Float32Array(0), new Int32Array(0)]);
});

test("images of another size, and part of an image's codes, are refused", async () => {
  for (const [run, words] of [
    [() => encoded(new Float32Array(2 * PIXELS + 27), 2), "encode: want images of 192 numbers each, got 411 numbers"],
    [() => decoded(new Int32Array(6), 2), "decode: want codes of 4 numbers each, got 6 numbers"],
    [() => autoencoded(new Float32Array(5), 2), "autoencode: want images of 192 numbers each, got 5 numbers"],
  ] as const)
    assert.equal(await run().catch((error: unknown) => [error instanceof RangeError, (error as Error).message]), [
      true,
      words,
    ]);
});

test("pictures lie in [0, 1]", async () => {
  const codes = Int32Array.from({ length: 20 * T }, (_, i) => Math.floor(i / T));
  const pictures = await decoded(codes, 20);
  assert.ok(pictures.every((value) => value >= 0 && value <= 1));
});

async function autoencoded(all: Float32Array, batchSize: number) {
  const autoencoder = await createAutoencoder({ engine, model: MODEL, weights, batchSize });
  const results = await autoencoder.autoencode(all);
  await autoencoder.close();
  return results;
}

const plausible = images.map((value) => 1 / (1 + Math.exp(-value))); // in [0, 1], as the density wants them

test("one program gives codes and images, and the loss of each image under its density", async () => {
  const eager = eagerly(plausible);
  for (const batchSize of [1, 2, 5, 8]) {
    const got = await autoencoded(plausible, batchSize);
    assert.equal([...got.codes], eager.codes, `batches of ${batchSize}`);
    expectClose(got.reconstructions, eager.images, `images in batches of ${batchSize}`, { absolute: 1e-5 });
    expectClose(got.logitLaplace!, eager.logitLaplace, `losses in batches of ${batchSize}`, { relative: 1e-5 });
  }
});

test("the loss of the densities is what training reports of the same images", async () => {
  const modelWeights = initialise(flattenSpecs(vitVqganSpec(TOKENIZER)), 3);
  const data = imagesOf(0);
  const program = await compilePlan(engine, tokenizerPlan(TASK, { adversarial: false, quantized: true }, BATCH));
  const shape = [BATCH, TOKENIZER.imageSize, TOKENIZER.imageSize, TOKENIZER.channels];
  const report = await program.run({
    ...withPrefix("model/", modelWeights),
    images: { dtype: "float32", shape, data },
  });
  await program.dispose();
  const options = { engine, model: TOKENIZER, weights: modelWeights, batchSize: 3 };
  const autoencoder = await createAutoencoder(options);
  const { logitLaplace } = await autoencoder.autoencode(data);
  await autoencoder.close();
  const mean = logitLaplace!.reduce((sum, value) => sum + value, 0) / BATCH;
  expectClose([mean], report["logitLaplace"]!.data, "mean", { relative: 1e-5 });
});

test("a residual quantizer's codes stand one after the other, and without densities there is no loss", async () => {
  const model: VitVqganConfig = { ...MODEL, logitLaplace: false, codeDepth: 2 };
  const modelWeights = initialise(flattenSpecs(vitVqganSpec(model)), 8);
  const autoencoder = await createAutoencoder({ engine, model, weights: modelWeights, batchSize: 2 });
  const { codes, reconstructions, logitLaplace } = await autoencoder.autoencode(images);
  await autoencoder.close();
  assert.equal([codes.length, reconstructions.length], [IMAGES * T * 2, images.length]);
  assert.ok(codes.every((code) => code >= 0 && code < model.codebookSize));
  assert.is(logitLaplace, undefined);
});

async function featured(all: Float32Array, batchSize: number): Promise<Float32Array> {
  const featurizer = await createFeaturizer({ engine, model: MODEL, weights, batchSize });
  assert.is(featurizer.dim, STACK.dim);
  const features = await featurizer.extract(all);
  await featurizer.close();
  return features;
}

test("features are means over the tokens of the encoder's last block", async () => {
  const { tokens } = want;
  const means = Array.from({ length: IMAGES * STACK.dim }, (_, at) => {
    const [image, d] = [Math.floor(at / STACK.dim), at % STACK.dim];
    return Array.from({ length: T }, (_, n) => tokens[(image * T + n) * STACK.dim + d]!).reduce((a, b) => a + b) / T;
  });
  for (const batchSize of [1, 2, 5, 8])
    expectClose(await featured(images, batchSize), means, `batches of ${batchSize}`, { absolute: 1e-5 });
});

test("nothing to do is no error", async () => {
  assert.is((await encoded(new Float32Array(0), 2)).length, 0);
  assert.is((await decoded(new Int32Array(0), 2)).length, 0);
  assert.is((await autoencoded(new Float32Array(0), 2)).codes.length, 0);
  assert.is((await featured(new Float32Array(0), 2)).length, 0);
});

test.run();
