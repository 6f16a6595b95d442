import { readFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  flooredLogScale,
  logitLaplaceImage,
  logitLaplaceLoss,
  logitLaplaceLosses,
  MIN_LOG_SCALE,
} from "../../lib/losses/logitLaplace.js";
import { numbersOf, onCpu } from "../nn/support/eager.js";
import { expectClose, fixture } from "../support.js";

const test = suite("losses/logitLaplace");

type Golden = {
  x01: number[];
  mu: number[];
  ln_b: number[];
  per_element_nll: number[];
  mean_nll: number;
  grad_mu_of_mean: number[];
  grad_ln_b_of_mean: number[];
  unmapped_sigmoid_mu: number[];
};

const readGolden = async () => {
  const text = await readFile(fixture("golden", "losses.json"), "utf8");
  return (JSON.parse(text) as { logit_laplace: Golden }).logit_laplace;
};

const imageOf = (values: readonly number[]) => tf.tensor4d([...values], [1, 1, values.length, 1]);

test("every pixel's likelihood, the mean and both gradients are the reference's", async () => {
  const golden = await readGolden();
  const loss = (x: number[], m: tf.Tensor, s: tf.Tensor) => logitLaplaceLoss(imageOf(x), { mean: m, logScale: s });
  const { each, mean, gradients } = onCpu(() => {
    const parameters = [imageOf(golden.mu), imageOf(golden.ln_b)] as const;
    return {
      each: golden.x01.map((x, i) => loss([x], imageOf([golden.mu[i]!]), imageOf([golden.ln_b[i]!])).dataSync()[0]!),
      mean: loss(golden.x01, ...parameters).dataSync(),
      gradients: tf
        .grads((m: tf.Tensor, s: tf.Tensor) => loss(golden.x01, m, s))([...parameters])
        .map(numbersOf),
    };
  });
  expectClose(each, golden.per_element_nll, "likelihoods", { relative: 1e-6 });
  expectClose(mean, [golden.mean_nll], "mean", { relative: 1e-6 });
  expectClose(gradients[0]!, golden.grad_mu_of_mean, "d/dmean", { relative: 1e-6 });
  expectClose(gradients[1]!, golden.grad_ln_b_of_mean, "d/dlogScale", { relative: 1e-6 });
});

test("the loss of each image is that of the image alone, and their mean is the loss of all", async () => {
  const golden = await readGolden();
  const values = golden.x01.length - (golden.x01.length % 2);
  const shaped = (all: readonly number[]) => tf.tensor4d(all.slice(0, values), [2, values / 2, 1, 1]);
  const { each, mean } = onCpu(() => {
    const [images, prediction] = [shaped(golden.x01), { mean: shaped(golden.mu), logScale: shaped(golden.ln_b) }];
    return {
      each: numbersOf(logitLaplaceLosses(images, prediction)),
      mean: logitLaplaceLoss(images, prediction).dataSync()[0]!,
    };
  });
  const meanOf = (all: readonly number[]) => all.reduce((sum, value) => sum + value, 0) / all.length;
  const want = [golden.per_element_nll.slice(0, values / 2), golden.per_element_nll.slice(values / 2, values)].map(
    meanOf,
  );
  expectClose(each, want, "each image", { relative: 1e-6 });
  expectClose([meanOf(each)], [mean], "all", { relative: 1e-6 });
});

test("the density of y = 0.8 x + 0.1 integrates to 1 over (0, 1)", () => {
  const [n, mean, logScale] = [400, 0.3, -0.7];
  const density = (x: number) =>
    Math.exp(-logitLaplaceLoss(imageOf([x]), { mean: imageOf([mean]), logScale: imageOf([logScale]) }).dataSync()[0]!);
  const middles = Array.from({ length: n }, (_, i) => (i + 0.5) / n);
  const total = onCpu(() => middles.reduce((sum, y) => sum + density((y - 0.1) / 0.8) / n, 0));
  expectClose([total], [1], "integral", { absolute: 1e-4 });
});

test("the image of a mean undoes the mapping of pixels", async () => {
  const golden = await readGolden();
  const image = onCpu(() => numbersOf(logitLaplaceImage(tf.tensor1d(golden.mu))));
  const want = golden.unmapped_sigmoid_mu;
  expectClose(image, want, "image", { absolute: 1e-6 });
  const back = onCpu(() =>
    numbersOf(logitLaplaceImage(tf.tensor1d([0.1, 0.5, 0.9].map((y) => Math.log(y / (1 - y)))))),
  );
  expectClose(back, [0, 0.5, 1], "pixels of the ends and the middle", { absolute: 1e-6 });
});

test("a log scale far above the floor is passed on, one far below becomes the floor", () => {
  const [high, low, at] = onCpu(() => numbersOf(flooredLogScale(tf.tensor1d([20, -60, MIN_LOG_SCALE]))));
  expectClose([high!], [20], "high", { absolute: 1e-5 });
  expectClose([low!], [MIN_LOG_SCALE], "low", { absolute: 1e-6 });
  expectClose([at!], [MIN_LOG_SCALE + Math.LN2], "at the floor", { absolute: 1e-6 });
});

test("an image of one constant value costs no less than the floor allows", () => {
  const cost = (raw: number) =>
    onCpu(() => {
      const mean = tf.fill([1, 2, 2, 1], 0); // the logit of mid-grey
      return logitLaplaceLoss(tf.fill([1, 2, 2, 1], 0.5), {
        mean,
        logScale: flooredLogScale(tf.fill(mean.shape, raw)),
      }).dataSync()[0]!;
    });
  assert.ok(Math.abs(cost(-1000) - cost(-100)) < 1e-6);
  assert.ok(cost(-100) < cost(0));
});

test.run();
