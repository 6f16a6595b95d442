import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine, withBackend } from "../../lib/engine/eager.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { CnnVqganConfig } from "../../lib/models/cnnVqgan.js";
import { type TokenizerConfig, tokenizerOf } from "../../lib/models/tokenizer.js";
import { dense } from "../../lib/nn/dense.js";
import { flattenSpecs, initialise } from "../../lib/nn/params.js";
import { rngFrom } from "../../lib/random.js";
import { createFeaturizer } from "../../lib/sample/codec.js";
import { smallTokenizer } from "../commands/support/smallTokenizer.js";
import { expectClose } from "../support.js";

const test = suite("sample/codec: features");

const engine = await createEagerEngine("cpu");

const { codebookSize, codeDim, l2Norm, commitment, straightThrough, vqReduction } = smallTokenizer;
const cnn: CnnVqganConfig = {
  ...{ codebookSize, codeDim, l2Norm, commitment, straightThrough, vqReduction },
  imageSize: 16,
  channels: 3,
  width: 8,
  widthMultipliers: [1, 2],
  blocksPerLevel: 1,
  attentionSides: [8],
  latentDim: 8,
  groups: 4,
  logitLaplace: false,
};

async function featuresOf(model: TokenizerConfig, images: Float32Array, batchSize: number, using = engine) {
  const weights = initialise(flattenSpecs(tokenizerOf(model).spec), 1);
  const encoder = await createFeaturizer({ engine: using, model, weights, batchSize });
  const features = await encoder.extract(images);
  await encoder.close();
  return features;
}

const imagesFor = ({ imageSize, channels }: TokenizerConfig, count: number) => {
  const { uniform } = rngFrom(4);
  return Float32Array.from({ length: count * imageSize ** 2 * channels }, () => uniform());
};

/** The mean over positions of the encoder's tokens in plain loops, [3, width]. */
function meanTokens(model: TokenizerConfig, images: Float32Array, width: number): number[] {
  const { spec, grid, encoderTokens } = tokenizerOf(model);
  const tokens = withBackend("cpu", () =>
    tf.tidy(() => {
      const named = Object.entries(initialise(flattenSpecs(spec), 1)).map(
        ([name, { data, shape }]) => [name, tf.tensor(data, [...shape])] as const,
      );
      const { imageSize, channels } = model;
      return encoderTokens(
        Object.fromEntries(named),
        tf.tensor(images, [3, imageSize, imageSize, channels]),
      ).dataSync();
    }),
  );
  const N = grid[0] * grid[1];
  assert.is(tokens.length, 3 * N * width);
  return Array.from({ length: 3 * width }, (_, i) => {
    const [image, d] = [Math.floor(i / width), i % width];
    let sum = 0;
    for (let t = 0; t < N; t++) sum += tokens[(image * N + t) * width + d]!;
    return sum / N;
  });
}

for (const [name, model, width] of [
  ["ViT-VQGAN", { ...smallTokenizer, head: "none" }, 16],
  ["CNN-VQGAN", cnn, 16],
] as const)
  test(`of a ${name} are the mean of the encoder's tokens, as wide as the encoder, the same on both engines`, async () => {
    const images = imagesFor(model, 3);
    const features = await featuresOf(model, images, 2);
    expectClose(features, meanTokens(model, images, width), "the mean", { relative: 1e-5 });
    const onnx = await createOnnxEngine({ threads: 1 });
    expectClose(await featuresOf(model, images, 3, onnx), features, "ONNX Runtime", { relative: 1e-4 });
    assert.is((await featuresOf(model, new Float32Array(0), 2)).length, 0);
  });

test("lead to the codes through the maps to latents, so they are what those start from", async () => {
  const model = { ...smallTokenizer, head: "none" } as const;
  const tokenizer = tokenizerOf(model);
  const weights = initialise(flattenSpecs(tokenizer.spec), 1);
  withBackend("cpu", () =>
    tf.tidy(() => {
      const named = Object.fromEntries(
        Object.entries(weights).map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
      );
      const images = tf.tensor(imagesFor(model, 2), [2, 32, 32, 3]);
      const tokens = tokenizer.encoderTokens(named, images);
      const kernel = named["encoder/latents/kernel"]!;
      const latents = dense({ kernel, bias: named["encoder/latents/bias"]! }, tokens);
      const products = tf.matMul(tf.reshape(latents, [-1, 4]), unit(named["quantizer/codebook"]!), false, true);
      const codes = tf.argMax(products, -1).dataSync();
      assert.equal([...codes], [...tokenizer.encodeCodes(named, images).dataSync()]);
    }),
  );
});

const unit = (rows: tf.Tensor): tf.Tensor => tf.div(rows, tf.norm(rows, "euclidean", -1, true));

test.run();
