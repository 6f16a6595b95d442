import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { autoencode, type VitVqganConfig, vitVqganSpec } from "../../lib/models/vitVqgan.js";
import { flattenSpecs, initialise, paramTree } from "../../lib/nn/params.js";
import { rngFrom } from "../../lib/random.js";
import { createDecoder, createEncoder } from "../../lib/sample/codec.js";
import { numbersOf, onCpu } from "../nn/support/eager.js";
import { expectClose } from "../support.js";

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
const want = onCpu(() => {
  const tensors = Object.entries(weights).map(
    ([name, { data, shape }]) => [name, tf.tensor(data, [...shape])] as const,
  );
  const params = paramTree(vitVqganSpec(MODEL), Object.fromEntries(tensors));
  const { image, quantized } = autoencode(params, MODEL, tf.tensor(images, [IMAGES, 8, 8, 3]));
  return { codes: numbersOf(quantized.codes), images: numbersOf(tf.clipByValue(image, 0, 1)) };
});

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

test("pictures lie in [0, 1]", async () => {
  const codes = Int32Array.from({ length: 20 * T }, (_, i) => Math.floor(i / T));
  const pictures = await decoded(codes, 20);
  assert.ok(pictures.every((value) => value >= 0 && value <= 1));
});

test("nothing to do is no error", async () => {
  assert.is((await encoded(new Float32Array(0), 2)).length, 0);
  assert.is((await decoded(new Int32Array(0), 2)).length, 0);
});

test.run();
