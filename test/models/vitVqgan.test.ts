import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { STACK_SIZES } from "../../lib/models/sizes.js";
import {
  autoencode,
  decode,
  decodeCodes,
  encodeCodes,
  tokenGrid,
  type VitVqganConfig,
  vitVqganSpec,
} from "../../lib/models/vitVqgan.js";
import { l2Normalize } from "../../lib/nn/l2Normalize.js";
import { countParameters, flattenSpecs, initialise, paramTree, type SpecTree } from "../../lib/nn/params.js";
import { sinCosPositions } from "../../lib/nn/positions.js";
import { normals, numbersOf, onCpu, tensorOf } from "../nn/support/eager.js";
import { expectClose, expectThrow } from "../support.js";

const test = suite("models/vitVqgan");

const STACK = { dim: 8, depth: 1, heads: 2, mlpDim: 12 };
const TINY: VitVqganConfig = {
  imageSize: 8,
  channels: 3,
  patchSize: 4,
  encoder: STACK,
  decoder: STACK,
  codebookSize: 10,
  codeDim: 4,
  l2Norm: true,
  commitment: 0.25,
  straightThrough: "normalized",
  vqReduction: "mean",
  head: "tanh",
  positions: "sincos",
  logitLaplace: true,
};

const WIDE = { dim: 256, depth: 1, heads: 2, mlpDim: 12 };

const imagesOf = (config: VitVqganConfig, count = 2) =>
  normals(9, [count, config.imageSize, config.imageSize, config.channels], 0.3);

const namesOf = (config: VitVqganConfig) => Object.keys(flattenSpecs(vitVqganSpec(config)));
const countOf = (tree: SpecTree) => countParameters(flattenSpecs(tree));

/** Initial parameters as tensors; to be called in a tidy. */
function paramsOf(config: VitVqganConfig, seed = 4) {
  const named = initialise(flattenSpecs(vitVqganSpec(config)), seed);
  const tensors = Object.entries(named).map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])] as const);
  return paramTree(vitVqganSpec(config), Object.fromEntries(tensors));
}

/** Everything `autoencode` returns, as numbers with shapes. */
function run(config: VitVqganConfig, options?: { continuous: boolean }) {
  return onCpu(() => {
    const params = paramsOf(config);
    const { image, density, quantized } = autoencode(params, config, tensorOf(imagesOf(config)), options);
    return {
      image: numbersOf(image),
      shapes: [image, quantized.codes, quantized.straightThrough, quantized.latents].map(({ shape }) => shape),
      density: density && [density.mean.shape, density.logScale.shape],
      codes: numbersOf(quantized.codes),
    };
  });
}

const VARIANTS: Record<string, Partial<VitVqganConfig>> = {
  "as it is by default": {},
  "without heads": { head: "none" },
  "with learned positions": { positions: "learned" },
  "without densities": { logitLaplace: false },
  "with unlike encoder and decoder": { decoder: { dim: 12, depth: 2, heads: 3, mlpDim: 5 } },
  "with tanh in the MLPs": { encoder: { ...STACK, activation: "tanh" } },
  "with heads of another width": { encoder: { ...STACK, headDim: 3, qkvBias: false } },
  "on grey images of another grid": { channels: 1, imageSize: 12 },
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
    assert.ok(got.image.every(Number.isFinite));
    assert.ok(got.codes.every((code) => Number.isInteger(code) && code >= 0 && code < codebookSize));
    if (what !== "as it is by default") assert.not.equal(got.image, run(TINY).image);
  });

test("each variant has the parameters it needs and no others", () => {
  const without = (names: string[], pattern: RegExp) => names.filter((name) => !pattern.test(name));
  const all = namesOf(TINY);
  assert.equal(namesOf({ ...TINY, head: "none" }), without(all, /\/head\//));
  const learned = namesOf({ ...TINY, positions: "learned" });
  assert.equal(without(learned, /stack\/positions$/), all);
  assert.is(learned.length, all.length + 2);
  const pixels = (config: VitVqganConfig) => flattenSpecs(vitVqganSpec(config))["decoder/pixels/kernel"]!.shape;
  assert.equal(pixels(TINY), [32, 96]);
  assert.equal(pixels({ ...TINY, logitLaplace: false }), [32, 48]);
  assert.equal(pixels({ ...TINY, logitLaplace: false, head: "none" }), [8, 48]);
});

test("a bias for each channel is added at every pixel of mean and scale, and trained as their sum", () => {
  const config: VitVqganConfig = { ...TINY, pixelBias: "channel" };
  const maps = 2 * config.channels;
  assert.equal(flattenSpecs(vitVqganSpec(config))["decoder/pixels/bias"]!.shape, [maps]);
  const values = Array.from({ length: maps }, (_, i) => 0.1 * i - 0.2);
  // The same model with one bias for each pixel: those of the channels, repeated for 16 pixels, means before scales.
  const repeated = [values.slice(0, 3), values.slice(3)].flatMap((three) =>
    Array.from({ length: 16 }, () => three).flat(),
  );
  const outcome = (model: VitVqganConfig, bias: readonly number[]) =>
    onCpu(() => {
      const params = paramsOf(TINY).decoder;
      const quantized = tensorOf(normals(3, [1, 4, 4]));
      const imageOf = (given: tf.Tensor) => {
        const { image, density } = decode({ ...params, pixels: { ...params.pixels, bias: given } }, model, quantized);
        return tf.concat([image, density!.mean, density!.logScale]);
      };
      const weights = tensorOf(normals(4, [3, 8, 8, 3]));
      const slope = tf.grad((given) => tf.sum(tf.mul(imageOf(given), weights)))(tf.tensor1d([...bias]));
      return { image: numbersOf(imageOf(tf.tensor1d([...bias]))), slope: numbersOf(slope) };
    });
  const [got, want] = [outcome(config, values), outcome(TINY, repeated)];
  expectClose(got.image, want.image, "image and density", { absolute: 1e-6 });
  const sums = values.map((_, map) => {
    const first = Math.floor(map / 3) * 48 + (map % 3);
    return Array.from({ length: 16 }, (_, pixel) => want.slope[first + 3 * pixel]!).reduce((a, b) => a + b, 0);
  });
  expectClose(got.slope, sums, "gradient", { relative: 1e-5 });
});

test("decoding the codes of images gives their reconstructions, clipped", () => {
  const { reconstruction, decoded } = onCpu(() => {
    const params = paramsOf(TINY);
    const images = tensorOf(imagesOf(TINY));
    return {
      reconstruction: numbersOf(tf.clipByValue(autoencode(params, TINY, images).image, 0, 1)),
      decoded: numbersOf(decodeCodes(params, TINY, encodeCodes(params, TINY, images))),
    };
  });
  expectClose(decoded, reconstruction, "decoded", { absolute: 1e-6 });
  assert.ok(Math.max(...decoded) - Math.min(...decoded) > 0.05, "the images are not blank");
});

test("codes belong to patches in raster order: changing one patch of a blank image changes the input of one token", () => {
  // Encoder and decoder without blocks: token t depends on patch t alone.
  const config: VitVqganConfig = { ...TINY, encoder: { ...STACK, depth: 0 }, decoder: { ...STACK, depth: 0 } };
  const { size, latents } = onCpu(() => {
    const params = paramsOf(config);
    const latentsOf = (lit: number) => {
      const image = tf.buffer([1, 8, 8, 3]);
      const [top, left] = [Math.floor(lit / 2) * 4, (lit % 2) * 4];
      if (lit >= 0) image.set(1, 0, top + 1, left + 2, 0);
      return numbersOf(autoencode(params, config, image.toTensor()).quantized.latents);
    };
    const blank = latentsOf(-1);
    const changed = [0, 1, 2, 3].map((lit) => {
      const now = latentsOf(lit);
      return [0, 1, 2, 3].filter((t) => now.slice(4 * t, 4 * t + 4).some((v, i) => v !== blank[4 * t + i]));
    });
    return { size: blank.length, latents: changed };
  });
  assert.is(size, 16);
  assert.equal(latents, [[0], [1], [2], [3]]);
});

test("token t paints patch t and nothing else in a decoder without blocks", () => {
  const config: VitVqganConfig = { ...TINY, decoder: { ...STACK, depth: 0 } };
  const painted = onCpu(() => {
    const params = paramsOf(config).decoder;
    const imageOf = (token: number) => {
      const quantized = tf.buffer([1, 4, 4]);
      if (token >= 0) for (let i = 0; i < 4; i++) quantized.set(1, 0, token, i);
      return numbersOf(decode(params, config, quantized.toTensor()).image);
    };
    const blank = imageOf(-1);
    return [0, 1, 2, 3].map((token) => {
      const patches = new Set<number>();
      for (const [i, value] of imageOf(token).entries()) {
        const [y, x] = [Math.floor(i / 24), Math.floor((i % 24) / 3)];
        if (value !== blank[i]) patches.add(Math.floor(y / 4) * 2 + Math.floor(x / 4));
      }
      return [...patches];
    });
  });
  assert.equal(painted, [[0], [1], [2], [3]]);
});

test("continuous: the decoder gets the latents themselves, the codes are reported all the same", () => {
  const [discrete, continuous] = [run(TINY), run(TINY, { continuous: true })];
  assert.equal(continuous.codes, discrete.codes);
  assert.not.equal(continuous.image, discrete.image);
  const fromLatents = onCpu(() => {
    const params = paramsOf(TINY);
    const { quantized } = autoencode(params, TINY, tensorOf(imagesOf(TINY)));
    return numbersOf(decode(params.decoder, TINY, quantized.latents).image);
  });
  expectClose(continuous.image, fromLatents, "image", { absolute: 1e-6 });
});

test("images of another size, and latents of another grid, are refused", () => {
  const refused = (f: () => unknown, pattern: RegExp) => expectThrow(() => onCpu(f), RangeError, pattern);
  const params = () => paramsOf(TINY);
  refused(() => encodeCodes(params(), TINY, tf.zeros([1, 8, 12, 3])), /encoder: images.*8, 8, 3.*8, 12, 3/);
  refused(() => decode(params().decoder, TINY, tf.zeros([1, 5, 4])), /decoder: quantized.*4, 4.*5, 4/);
});

const PAPER: VitVqganConfig = {
  ...TINY,
  imageSize: 256,
  patchSize: 8,
  codebookSize: 8192,
  codeDim: 32,
  encoder: STACK_SIZES.small,
  decoder: STACK_SIZES.small,
};

/** Parameters of an encoder by its widths: D model, M MLP, N blocks. */
function encoderParameters({ dim: D, mlpDim: M, depth: N }: { dim: number; mlpDim: number; depth: number }): number {
  const attention = D * 3 * D + 3 * D + D * D + D;
  const mlp = D * M + M + M * D + D;
  const norms = 2 * 2 * D;
  const head = D * 4 * D + 4 * D + 4 * D * D + D;
  const patches = 8 * 8 * 3 * D + D;
  return patches + N * (attention + mlp + norms) + 2 * D + head + D * 32 + 32;
}

// Millions a side with a head of width 4 D; table 2 of the paper says 32, 91 and 599.
for (const [size, millions] of [
  ["small", 27.5],
  ["base", 90],
  ["large", 643],
] as const)
  test(`a ${size} encoder has the parameters its widths give, about ${millions} million; the decoder as many within 5%`, () => {
    const { encoder, decoder } = vitVqganSpec({ ...PAPER, encoder: STACK_SIZES[size], decoder: STACK_SIZES[size] });
    assert.is(countOf(encoder), encoderParameters(STACK_SIZES[size]));
    for (const side of [encoder, decoder])
      expectClose([countOf(side) / 1e6], [millions], "millions", { relative: 0.05 });
  });

test("what an image says begins as large in the tokens as where they are, on both sides and at any size", () => {
  const deviation = (values: ArrayLike<number>) => {
    const all = Array.from(values);
    return Math.sqrt(all.reduce((sum, value) => sum + value * value, 0) / all.length);
  };
  for (const [patchSize, channels, codeDim] of [
    [8, 3, 32],
    [4, 1, 8],
  ] as const) {
    const config: VitVqganConfig = {
      ...TINY,
      imageSize: 32,
      patchSize,
      channels,
      codeDim,
      encoder: WIDE,
      decoder: WIDE,
    };
    const pixels = patchSize ** 2 * channels;
    const positions = deviation(sinCosPositions(...tokenGrid(config), WIDE.dim));
    const [patches, codes] = onCpu(() => {
      const { encoder, decoder } = paramsOf(config);
      const grey = tf.mul(tensorOf(normals(1, [500, 1], 0.25)), tf.ones([1, pixels])); // patches about their mean
      const codewords = l2Normalize(tensorOf(normals(2, [500, codeDim])));
      const kernels = [encoder.patches.kernel, decoder.codes.kernel] as tf.Tensor2D[];
      return [grey, codewords].map((rows, i) => deviation(tf.matMul(rows as tf.Tensor2D, kernels[i]!).dataSync()));
    });
    for (const content of [patches!, codes!])
      assert.ok(content > 0.7 * positions && content < 1.4 * positions, `${content} beside ${positions}`);
  }
});

test.run();
