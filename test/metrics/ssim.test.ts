import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ssim } from "../../lib/metrics/ssim.js";
import { rngFrom } from "../../lib/random.js";
import { expectClose } from "../support.js";

const test = suite("metrics/ssim");

type Shape = readonly [number, number, number, number];

const noise = (length: number, seed: number) => {
  const { uniform } = rngFrom(seed);
  return Float32Array.from({ length }, uniform);
};

/** The definition, written for one window at a time: a 2-D Gaussian, deviations from the mean, nothing shared. */
function slowSsim(x: Float32Array, y: Float32Array, [B, H, W, C]: Shape): number[] {
  const weight = (i: number, j: number) => Math.exp(-((i - 5) ** 2 + (j - 5) ** 2) / 4.5);
  const offsets = Array.from({ length: 121 }, (_, k) => [Math.floor(k / 11), k % 11] as const);
  const total = offsets.reduce((sum, [i, j]) => sum + weight(i, j), 0);
  const window = (n: number, top: number, left: number, c: number) => {
    const mean = (f: (at: number) => number) =>
      offsets.reduce((s, [i, j]) => s + (weight(i, j) / total) * f(((n * H + top + i) * W + left + j) * C + c), 0);
    const mx = mean((at) => x[at]!);
    const my = mean((at) => y[at]!);
    const vx = mean((at) => (x[at]! - mx) ** 2);
    const vy = mean((at) => (y[at]! - my) ** 2);
    const cov = mean((at) => (x[at]! - mx) * (y[at]! - my));
    return ((2 * mx * my + 1e-4) * (2 * cov + 9e-4)) / ((mx * mx + my * my + 1e-4) * (vx + vy + 9e-4));
  };
  return Array.from({ length: B }, (_, n) => {
    let sum = 0;
    for (let c = 0; c < C; c++)
      for (let top = 0; top + 11 <= H; top++) for (let left = 0; left + 11 <= W; left++) sum += window(n, top, left, c);
    return sum / (C * (H - 10) * (W - 10));
  });
}

test("agrees with the definition on images that are not square, of several channels", () => {
  const shape: Shape = [2, 14, 17, 3];
  const originals = noise(2 * 14 * 17 * 3, 1);
  const other = noise(originals.length, 2);
  const reconstructions = originals.map((value, i) => 0.7 * value + 0.3 * other[i]! ** 2);
  const want = slowSsim(originals, reconstructions, shape);
  assert.ok(want[0]! > 0.5 && want[0]! < 0.95, "a case that is neither equal nor unrelated");
  expectClose(ssim({ originals, reconstructions, shape }), want, "ssim", { absolute: 1e-12 });
});

test("is 1 for equal images and the luminance term for flat ones", () => {
  const shape: Shape = [2, 11, 12, 1];
  const originals = new Float32Array(264).fill(0.25, 0, 132).fill(0.5, 132);
  const reconstructions = new Float32Array(264).fill(0.75, 0, 132).fill(0.5, 132);
  const luminance = (2 * 0.25 * 0.75 + 1e-4) / (0.25 ** 2 + 0.75 ** 2 + 1e-4); // 0.600064
  expectClose(ssim({ originals, reconstructions, shape }), [luminance, 1], "ssim", { absolute: 1e-12 });
});

test("weighs by a Gaussian of sigma 1.5: one bright pixel, shifted in brightness", () => {
  // One window; a shift leaves covariance = variance, so only luminance counts. The weight at the centre of the axis is
  // 1 / (1 + 2 (e^-2/9 + e^-8/9 + e^-2 + e^-32/9 + e^-50/9)) = 0.266012, so the mean is 0.266012^2 = 0.0707622.
  const originals = new Float32Array(121);
  originals[60] = 1;
  const reconstructions = originals.map((value) => value + 0.125);
  const [x, y] = [0.0707622, 0.1957622];
  const want = (2 * x * y + 1e-4) / (x * x + y * y + 1e-4);
  expectClose(ssim({ originals, reconstructions, shape: [1, 11, 11, 1] }), [want], "ssim", { absolute: 1e-6 });
});

test("is negative for an image against its negative", () => {
  const originals = noise(400, 3);
  const reconstructions = originals.map((value) => 1 - value);
  assert.ok(ssim({ originals, reconstructions, shape: [1, 20, 20, 1] })[0]! < -0.5);
});

test("refuses images smaller than its window", () => {
  const originals = new Float32Array(110);
  assert.throws(
    () => ssim({ originals, reconstructions: originals, shape: [1, 10, 11, 1] }),
    /11x11 pixels, got 10x11/,
  );
});

test.run();
