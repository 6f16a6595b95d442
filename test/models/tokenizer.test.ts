import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { CnnVqganConfig } from "../../lib/models/cnnVqgan.js";
import * as cnn from "../../lib/models/cnnVqgan.js";
import { discriminatorOf } from "../../lib/models/discriminator.js";
import {
  codeGrid,
  codesPerImage,
  isConvolutional,
  type TokenizerConfig,
  tokenizerOf,
} from "../../lib/models/tokenizer.js";
import * as vit from "../../lib/models/vitVqgan.js";
import { conv2d } from "../../lib/nn/conv2d.js";
import { dense } from "../../lib/nn/dense.js";
import { flattenSpecs, initialise, paramTree } from "../../lib/nn/params.js";
import { expectClose } from "../support.js";
import { TOKENIZER } from "../train/support.js";

const test = suite("models/tokenizer");

const CNN: CnnVqganConfig = {
  imageSize: 8,
  channels: 1,
  width: 4,
  widthMultipliers: [1, 2],
  blocksPerLevel: 1,
  attentionSides: [4],
  latentDim: 4,
  groups: 2,
  codebookSize: 16,
  codeDim: 4,
  l2Norm: true,
  commitment: 0.25,
  straightThrough: "normalized",
  vqReduction: "mean",
  logitLaplace: false,
};

const tensorsOf = (config: TokenizerConfig) =>
  Object.fromEntries(
    Object.entries(initialise(flattenSpecs(tokenizerOf(config).spec), 1)).map(([name, { data, shape }]) => [
      name,
      tf.tensor(data as Float32Array, [...shape]),
    ]),
  );

const IMAGES = () =>
  tf.tensor(
    Float32Array.from({ length: 128 }, (_, i) => (i % 11) / 11),
    [2, 8, 8, 1],
  );

test("a configuration tells by its fields which network it is of", () => {
  assert.equal([isConvolutional(CNN), isConvolutional(TOKENIZER)], [true, false]);
  assert.equal([codesPerImage(CNN), codesPerImage(TOKENIZER)], [16, 4]);
  assert.equal(flattenSpecs(tokenizerOf(CNN).spec), flattenSpecs(cnn.cnnVqganSpec(CNN)));
  assert.equal(flattenSpecs(tokenizerOf(TOKENIZER).spec), flattenSpecs(vit.vitVqganSpec(TOKENIZER)));
});

test("the last kernel is one of the decoder's, and the image moves with it", () => {
  for (const config of [CNN, TOKENIZER] as const) {
    const { lastKernel, autoencode } = tokenizerOf(config);
    const params = tensorsOf(config);
    assert.ok(lastKernel in params, lastKernel);
    const image = (kernel: tf.Tensor) => autoencode({ ...params, [lastKernel]: kernel }, IMAGES()).image;
    const before = params[lastKernel]!;
    assert.not.equal([...image(tf.mul(before, 2)).dataSync()], [...image(before).dataSync()]);
  }
});

test("functions are those of the network", () => {
  const { autoencode, encodeCodes, decodeCodes } = tokenizerOf(CNN);
  const params = tensorsOf(CNN);
  const tree = paramTree(cnn.cnnVqganSpec(CNN), params);
  expectClose(
    autoencode(params, IMAGES()).image.dataSync(),
    cnn.autoencode(tree, CNN, IMAGES()).image.dataSync(),
    "image",
    {},
  );
  const codes = encodeCodes(params, IMAGES());
  assert.equal([...codes.dataSync()], [...cnn.encodeCodes(tree, CNN, IMAGES()).dataSync()]);
  expectClose(decodeCodes(params, codes).dataSync(), cnn.decodeCodes(tree, CNN, codes).dataSync(), "decoded", {});
});

test("encoder tokens are what the maps to latents take", () => {
  const plain: vit.VitVqganConfig = { ...TOKENIZER, head: "none" };
  const maps = {
    convolutional: (tokens: tf.Tensor, params: Record<string, tf.Tensor>) =>
      tf.reshape(conv2d(at(params, "encoder/convOut"), tf.reshape(tokens, [2, 4, 4, 8])), [2, 16, 4]),
    plain: (tokens: tf.Tensor) => tokens,
  };
  for (const [config, map, latents] of [
    [
      CNN,
      maps.convolutional,
      (p: Record<string, tf.Tensor>) => cnn.encode(paramTree(cnn.cnnVqganSpec(CNN), p).encoder, CNN, IMAGES()),
    ],
    [
      plain,
      maps.plain,
      (p: Record<string, tf.Tensor>) => vit.encode(paramTree(vit.vitVqganSpec(plain), p).encoder, plain, IMAGES()),
    ],
  ] as const) {
    const { encoderTokens, encoderWidth, grid } = tokenizerOf(config);
    const params = tensorsOf(config);
    const tokens = encoderTokens(params, IMAGES());
    assert.equal(tokens.shape, [2, grid[0] * grid[1], encoderWidth]);
    const made = dense(at(params, "encoder/latents"), map(tokens, params));
    expectClose(made.dataSync(), latents(params).dataSync(), "latents", { absolute: 1e-6 });
  }
  assert.equal([tokenizerOf(CNN).encoderWidth, tokenizerOf(TOKENIZER).encoderWidth], [8, 8]);
});

/** Kernel and bias at a path. */
const at = (params: Record<string, tf.Tensor>, path: string) => ({
  kernel: params[`${path}/kernel`]!,
  bias: params[`${path}/bias`]!,
});

test("several codes a token stand side by side in a sequence, and become the image that was meant", () => {
  for (const plain of [CNN, TOKENIZER] as const) {
    const config = { ...plain, codeDepth: 3 };
    const { autoencode, encodeCodes, decodeCodes, grid } = tokenizerOf(config);
    assert.equal(codeGrid(config), [grid[0], 3 * grid[1]]);
    assert.is(codesPerImage(config), 3 * codesPerImage(plain));
    const params = tensorsOf(config);
    const { image, quantized } = autoencode(params, IMAGES());
    assert.equal(quantized.codes.shape, [2, codesPerImage(plain), 3]);
    const codes = encodeCodes(params, IMAGES());
    assert.equal(codes.shape, [2, codesPerImage(config)]);
    assert.equal([...codes.dataSync()], [...quantized.codes.dataSync()]);
    const want = tf.clipByValue(image, 0, 1).dataSync();
    expectClose(decodeCodes(params, codes).dataSync(), want, "decoded", { absolute: 1e-5 });
    expectClose(decodeCodes(params, quantized.codes).dataSync(), want, "decoded by token", { absolute: 1e-5 });
  }
});

test("discriminators by kind judge with a logit an image, or one a patch", () => {
  const shapes = (
    [
      { kind: "stylegan", channelScale: 0.01 },
      { kind: "patch", width: 2, layers: 1 },
    ] as const
  ).map((own) => {
    const { spec, judge } = discriminatorOf({ imageSize: 8, channels: 1, ...own });
    const params = Object.fromEntries(
      Object.entries(initialise(flattenSpecs(spec), 1)).map(([name, { data, shape }]) => [
        name,
        tf.tensor(data as Float32Array, [...shape]),
      ]),
    );
    return judge(params, IMAGES()).shape;
  });
  assert.equal(shapes, [[2], [2, 2, 2, 1]]);
});

test.run();
