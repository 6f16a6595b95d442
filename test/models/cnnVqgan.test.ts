import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { trace } from "../../lib/engine/traceBackend.js";
import type { NamedTensors, Step, TensorSpec } from "../../lib/engine/types.js";
import { flooredLogScale, logitLaplaceImage } from "../../lib/losses/logitLaplace.js";
import {
  autoencode,
  type CnnVqganConfig,
  cnnVqganSpec,
  decode,
  decodeCodes,
  encodeCodes,
  tokenGrid,
} from "../../lib/models/cnnVqgan.js";
import { fromTaming } from "../../lib/models/foreign/tamingNames.js";
import { CNN_LAYOUTS } from "../../lib/models/sizes.js";
import { valueAndGradients } from "../../lib/nn/gradients.js";
import { countParameters, flattenSpecs, initialise, paramTree, type SpecTree } from "../../lib/nn/params.js";
import { normals, numbersOf, onCpu, tensorOf } from "../nn/support/eager.js";
import { imageTranspositions } from "../nn/support/layout.js";
import { expectClose, expectThrow } from "../support.js";
import { golden } from "./support/golden.js";
import { GOLDEN_CONFIG, tensorGroups } from "./support/taming.js";

const test = suite("models/cnnVqgan");

/** Reconstruction, its loss `mean((image - x)^2) + L_VQ`, and the gradients of that by all parameters. */
const trainingStep =
  (config: CnnVqganConfig): Step =>
  ({ images, ...named }) => {
    const { loss, gradients, aux } = valueAndGradients(() => {
      const made = autoencode(paramTree(cnnVqganSpec(config), named), config, images!);
      const { codes, latents, loss: vq } = made.quantized;
      const [squared, quantizer] = [
        tf.mean(tf.square(tf.sub(made.image, images!))),
        tf.add(vq.codebook, vq.commitment),
      ];
      return {
        loss: tf.add(squared, quantizer) as tf.Scalar,
        aux: { image: made.image, codes, latents, mse: squared, vq: quantizer },
      };
    }, named);
    const prefixed: NamedTensors = { loss, ...aux };
    for (const [name, gradient] of Object.entries(gradients)) prefixed[`grad/${name}`] = gradient;
    return prefixed;
  };

for (const [engine, create] of [
  ["onnxruntime", () => createOnnxEngine()],
  ["javascript", () => createEagerEngine("cpu")],
] as const)
  test(`${engine}: latents, codes, reconstruction, losses and all gradients are the reference's`, async () => {
    const { param, out, grad } = await tensorGroups("cnn_vqgan_tiny.safetensors");
    const file = await golden("cnn_vqgan_tiny.safetensors");
    const inputs = { ...fromTaming(param!, GOLDEN_CONFIG), images: file.images("in.images") };
    const program = await (await create()).compile(trainingStep(GOLDEN_CONFIG), { name: "test", inputs });
    const got = await program.run(inputs);
    await program.dispose();
    assert.equal([...got["codes"]!.data], [...out!["codes"]!.data]);
    const expectLike = (name: string, want: ArrayLike<number>) =>
      expectClose(got[name]!.data, want, name, { relative: 1e-5, absolute: 1e-7 });
    expectLike("latents", out!["latents"]!.data);
    expectLike("image", file.images("out.image").data);
    expectLike("mse", out!["mse"]!.data);
    expectLike("vq", out!["vq"]!.data);
    const gradients = Object.entries(fromTaming(grad!, GOLDEN_CONFIG));
    assert.is(gradients.length, Object.keys(param!).length);
    for (const [name, { data }] of gradients) expectLike(`grad/${name}`, data);
  });

const TINY: CnnVqganConfig = {
  ...GOLDEN_CONFIG,
  imageSize: 8,
  attentionSides: [4],
  blocksPerLevel: 1,
  codeDim: 4,
  l2Norm: true,
  straightThrough: "normalized",
  logitLaplace: true,
};

const imagesOf = (config: CnnVqganConfig, count = 2) =>
  normals(9, [count, config.imageSize, config.imageSize, config.channels], 0.3);

const specsOf = (config: CnnVqganConfig) => flattenSpecs(cnnVqganSpec(config));
const countOf = (tree: SpecTree) => countParameters(flattenSpecs(tree));

/** Initial parameters as tensors; to be called in a tidy. */
function paramsOf(config: CnnVqganConfig) {
  const named = Object.entries(initialise(specsOf(config), 4));
  const tensors = named.map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])] as const);
  return paramTree(cnnVqganSpec(config), Object.fromEntries(tensors));
}

/** Everything `autoencode` returns, as numbers with shapes. */
function run(config: CnnVqganConfig, options?: { continuous: boolean }) {
  return onCpu(() => {
    const { image, density, quantized } = autoencode(paramsOf(config), config, tensorOf(imagesOf(config)), options);
    return {
      image: numbersOf(image),
      shapes: [image, quantized.codes, quantized.straightThrough, quantized.latents].map(({ shape }) => shape),
      density: density && [density.mean.shape, density.logScale.shape],
      ofMean: density && numbersOf(logitLaplaceImage(density.mean)),
      codes: numbersOf(quantized.codes),
    };
  });
}

const VARIANTS: Record<string, Partial<CnnVqganConfig>> = {
  "as it is by default": {},
  "without densities": { logitLaplace: false },
  "with attention at both levels": { attentionSides: [4, 8] },
  "of one level": { widthMultipliers: [2], attentionSides: [] },
  "of three levels": { widthMultipliers: [2, 1, 3], attentionSides: [] },
  "on grey images of another size": { channels: 1, imageSize: 12, attentionSides: [] },
  "without normalisation": { l2Norm: false },
};

for (const [what, change] of Object.entries(VARIANTS))
  test(`a model ${what} gives images, codes and latents of the shapes it says`, () => {
    const config = { ...TINY, ...change };
    const { imageSize, channels, codeDim, codebookSize } = config;
    const [rows, columns] = tokenGrid(config);
    const image = [2, imageSize, imageSize, channels];
    const latents = [2, rows * columns, codeDim];
    const got = run(config);
    assert.equal(got.shapes, [image, [2, rows * columns], latents, latents]);
    assert.equal(got.density, config.logitLaplace ? [image, image] : undefined);
    if (config.logitLaplace) assert.equal(got.image, got.ofMean);
    assert.ok(got.image.every(Number.isFinite));
    assert.ok(got.codes.every((code) => Number.isInteger(code) && code >= 0 && code < codebookSize));
    if (what !== "as it is by default") assert.not.equal(got.image, run(TINY).image);
  });

test("decoding the codes of images gives their reconstructions, clipped", () => {
  const { reconstruction, decoded } = onCpu(() => {
    const [params, images] = [paramsOf(TINY), tensorOf(imagesOf(TINY))];
    return {
      reconstruction: numbersOf(tf.clipByValue(autoencode(params, TINY, images).image, 0, 1)),
      decoded: numbersOf(decodeCodes(params, TINY, encodeCodes(params, TINY, images))),
    };
  });
  expectClose(decoded, reconstruction, "decoded", { absolute: 1e-5 });
  assert.ok(Math.max(...decoded) - Math.min(...decoded) > 0.05, "the images are not blank");
});

test("of the last convolution's channels the first half are means, the second raw scales", () => {
  const { mean, logScale, wanted } = onCpu(() => {
    const { decoder } = paramsOf(TINY);
    const convOut = { kernel: tf.zeros([3, 3, 4, 6]), bias: tf.tensor1d([1, 2, 3, 4, 5, 6]) };
    const { density } = decode({ ...decoder, convOut }, TINY, tf.zeros([1, 16, 4]));
    const first = (pixels: tf.Tensor) => numbersOf(pixels).slice(0, 3);
    const scales = flooredLogScale(tf.tensor1d([4, 5, 6]));
    return { mean: first(density!.mean), logScale: first(density!.logScale), wanted: numbersOf(scales) };
  });
  assert.equal(mean, [1, 2, 3]);
  assert.equal(logScale, wanted);
});

test("continuous: the decoder gets the latents themselves, the codes are reported all the same", () => {
  const [discrete, continuous] = [run(TINY), run(TINY, { continuous: true })];
  assert.equal(continuous.codes, discrete.codes);
  assert.not.equal(continuous.image, discrete.image);
});

test("images of another size, latents of another grid and levels that do not fit are refused", () => {
  const refused = (f: () => unknown, pattern: RegExp) => expectThrow(() => onCpu(f), RangeError, pattern);
  const params = () => paramsOf(TINY);
  refused(() => encodeCodes(params(), TINY, tf.zeros([1, 8, 12, 3])), /encoder: images.*8, 8, 3.*8, 12, 3/);
  refused(() => decode(params().decoder, TINY, tf.zeros([1, 5, 4])), /decoder: quantized.*16, 4.*5, 4/);
  const spec = (change: Partial<CnnVqganConfig>) => () => cnnVqganSpec({ ...TINY, ...change });
  refused(spec({ imageSize: 7 }), /2 levels want an imageSize that halves 1 times, got 7/);
  refused(spec({ widthMultipliers: [] }), /0 levels/);
  refused(spec({ groups: 3 }), /multiples of the 3 groups, got 4/);
  refused(spec({ attentionSides: [16] }), /attentionSides names 16, but the levels have sides 8, 4/);
});

/** The published quantizer; `fixtures/golden/taming_tiny.py` prints the counts below. */
const published = (layout: keyof typeof CNN_LAYOUTS, change: Partial<CnnVqganConfig>): CnnVqganConfig => ({
  ...GOLDEN_CONFIG,
  codeDim: 256,
  ...CNN_LAYOUTS[layout],
  ...change,
});

test("the published networks have their numbers of parameters", () => {
  const f16 = published("f16", { codebookSize: 16384 });
  const { encoder, decoder } = cnnVqganSpec(f16);
  const projections = 2 * (256 * 256 + 256); // quant_conv and post_quant_conv, which their count has outside
  assert.is(countOf(encoder) + countOf(decoder), 29_298_176 + 42_449_795 + projections);
  assert.is(countOf(cnnVqganSpec(f16)), 76_073_859);
  assert.is(countOf(cnnVqganSpec(published("f16", { codebookSize: 1024 }))), 72_141_699);
  assert.is(countOf(cnnVqganSpec(published("f8", { codebookSize: 8192 }))), 66_890_627);
  const twice = published("f8", { codebookSize: 8192, codeDim: 32, width: 256 });
  assert.is(countOf(cnnVqganSpec(twice)), 254_055_203);
  assert.equal(tokenGrid(twice), [32, 32]);
});

const inputsOf = (config: CnnVqganConfig, batch = 1): Record<string, TensorSpec> => {
  const side = config.imageSize;
  const specs = Object.entries(specsOf(config)).map(
    ([name, { shape }]) => [name, { dtype: "float32", shape }] as const,
  );
  return { ...Object.fromEntries(specs), images: { dtype: "float32", shape: [batch, side, side, config.channels] } };
};

test("the published f16 network is traced at full size with all gradients, in a graph without large constants", () => {
  const config = published("f16", { codebookSize: 16384 });
  const { outputs, initializers } = trace(trainingStep(config), { name: "full size", inputs: inputsOf(config) }, "cpu");
  const { shape } = outputs.find(({ name }) => name === "grad/encoder/down/0/blocks/0/conv1/kernel")!;
  assert.equal(shape, [3, 3, 128, 128]);
  assert.equal(outputs.find(({ name }) => name === "image")!.shape, [1, 256, 256, 3]);
  assert.ok(initializers.reduce((sum, { bytes }) => sum + bytes.byteLength, 0) < 100_000);
});

test("images are turned where attention and codes want rows of channels, and for the gradients of the filters", () => {
  const config = published("f16", { codebookSize: 1024 });
  const forward: Step = ({ images, ...named }) => ({
    image: autoencode(paramTree(cnnVqganSpec(config), named), config, images!).image,
  });
  const names = Object.keys(specsOf(config));
  const attentions = names.filter((name) => name.endsWith("q/kernel")).length;
  const filters = names.filter((name) => /(conv\w*|sample|shortcut)\/kernel$/i.test(name)).length;
  const ends = 4; // image in and out, to and from the codes
  assert.is(imageTranspositions(forward, inputsOf(config)), 2 * attentions + ends);
  assert.ok(imageTranspositions(trainingStep(config), inputsOf(config)) <= filters + 5 * attentions + 2 * ends);
});

test.run();
