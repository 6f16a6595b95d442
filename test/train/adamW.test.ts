import { readFile } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { adamWUpdate, clipScale, globalNorm, zeroMoments } from "../../lib/train/adamW.js";
import { floats } from "../hostTensors.js";
import { expectClose, expectThrow, fixture } from "../support.js";

const test = suite("train/adamW");

type GoldenRun = {
  lr: number;
  betas: [number, number];
  weight_decay: number;
  eps: number;
  w0: number[];
  grads: number[][];
  after_each_step: number[][];
};

async function golden(name: "optim_AdamW" | "optim_Adam_l2"): Promise<GoldenRun> {
  const text = await readFile(fixture("golden", "losses.json"), "utf8");
  return (JSON.parse(text) as Record<typeof name, GoldenRun>)[name];
}

const specOf = (shape: number[], decay: boolean) => ({ shape, init: { kind: "zeros" }, decay }) as const;

/** Weights after each update; `gradientAt` may add to the given gradient. */
function train(
  run: GoldenRun,
  weightDecay: number,
  gradientAt: (step: number, weights: ArrayLike<number>) => number[],
) {
  const params = { w: floats([run.w0.length], ...run.w0) };
  const state = { params, moments: zeroMoments(params), specs: { w: specOf([run.w0.length], true) } };
  const [beta1, beta2] = run.betas;
  return run.grads.map((_, i) => {
    const gradients = { w: floats([run.w0.length], ...gradientAt(i, params.w.data)) };
    const options = { beta1, beta2, epsilon: run.eps, weightDecay, rate: run.lr, gradientScale: 1, step: i + 1 };
    adamWUpdate(state, gradients, options);
    return [...params.w.data];
  });
}

test("four updates with decoupled decay are PyTorch's AdamW", async () => {
  const run = await golden("optim_AdamW");
  const got = train(run, run.weight_decay, (step) => run.grads[step]!);
  expectClose(got.flat(), run.after_each_step.flat(), "weights", { relative: 2e-7 });
});

test("without decay, and the L2 term in the gradient, four updates are PyTorch's Adam", async () => {
  const run = await golden("optim_Adam_l2");
  const got = train(run, 0, (step, w) => run.grads[step]!.map((g, i) => g + run.weight_decay * w[i]!));
  expectClose(got.flat(), run.after_each_step.flat(), "weights", { relative: 2e-7 });
});

const OPTIONS = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, weightDecay: 0.5, rate: 0.1, gradientScale: 1, step: 1 };

/** One update of a weight 2 by a gradient 3. */
function once(change: Partial<typeof OPTIONS>, decay = true) {
  const params = { w: floats([1], 2) };
  const moments = zeroMoments(params);
  adamWUpdate({ params, moments, specs: { w: specOf([1], decay) } }, { w: floats([1], 3) }, { ...OPTIONS, ...change });
  return { weight: params.w.data[0]!, first: moments.first["w"]!.data[0]!, second: moments.second["w"]!.data[0]! };
}

test("one update by hand: the first step is the rate, the decay rate times weight", () => {
  const { weight, first, second } = once({});
  expectClose([weight, first, second], [2 * 0.95 - 0.1, 0.3, 0.09], "weight and moments", { absolute: 1e-6 });
});

test("parameters whose spec says so do not decay", () => {
  expectClose([once({}, false).weight], [1.9], "weight", { absolute: 1e-6 });
});

test("the gradient scale counts in the moments, the step in their correction", () => {
  const { first, second } = once({ gradientScale: 0.5 });
  expectClose([first, second], [0.15, 0.0225], "moments of half the gradient", { absolute: 1e-7 });
  const late = once({ step: 1000, weightDecay: 0 });
  expectClose([late.weight], [2 - (0.1 * 0.3) / Math.sqrt(0.09)], "no correction late", { absolute: 1e-4 });
});

test("a missing gradient is named", () => {
  const params = { w: floats([1], 2) };
  expectThrow(
    () => adamWUpdate({ params, moments: zeroMoments(params), specs: { w: specOf([1], true) } }, {}, OPTIONS),
    RangeError,
    /w is missing/,
  );
});

test("the norm runs over all gradients and shows any element that is not finite", () => {
  assert.is(globalNorm({ a: floats([2], 3, 0), b: floats([1], -4) }), 5);
  assert.is(globalNorm({ a: floats([7], 1, 2, 4, 8, 16, 32, 64) }), Math.sqrt(4 ** 7 / 3 - 1 / 3));
  assert.is(globalNorm({}), 0);
  assert.not.ok(Number.isFinite(globalNorm({ a: floats([2], 1, Number.NaN) })));
  assert.not.ok(Number.isFinite(globalNorm({ a: floats([2], 1, Number.NEGATIVE_INFINITY) })));
});

test("clipping shortens only what is longer than the limit; a limit of 0 is none", () => {
  assert.is(clipScale(4, 1), 0.25);
  assert.is(clipScale(1, 1), 1);
  assert.is(clipScale(0.5, 1), 1);
  assert.is(clipScale(4, 0), 1);
});

test.run();
