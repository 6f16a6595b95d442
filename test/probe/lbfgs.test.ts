import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Evaluation, minimize } from "../../lib/probe/lbfgs.js";
import { rngFrom } from "../../lib/random.js";
import { expectClose } from "../support.js";

const test = suite("probe/lbfgs");

const at =
  (f: (x: Float64Array) => Evaluation) =>
  async (x: Float64Array): Promise<Evaluation> =>
    f(x);

function rosenbrock(x: Float64Array): Evaluation {
  const gradient = new Float64Array(x.length);
  let value = 0;
  for (let i = 0; i + 1 < x.length; i++) {
    const bend = x[i + 1]! - x[i]! ** 2;
    value += 100 * bend ** 2 + (1 - x[i]!) ** 2;
    gradient[i]! += -400 * x[i]! * bend - 2 * (1 - x[i]!);
    gradient[i + 1]! += 200 * bend;
  }
  return { value, gradient };
}

test("walks Rosenbrock's valley to its end, in 2 and in 10 dimensions", async () => {
  for (const dim of [2, 10]) {
    const start = Float64Array.from({ length: dim }, (_, i) => (i % 2 === 0 ? -1.2 : 1));
    const end = await minimize({ start, evaluate: at(rosenbrock), tolerance: 1e-10 });
    assert.is(end.reason, "gradient");
    assert.ok(end.converged && end.iterations < 100, `${end.iterations} iterations`);
    expectClose(end.x, new Float64Array(dim).fill(1), "x", { absolute: 1e-7 });
    assert.equal([...start.subarray(0, 2)], [-1.2, 1], "the start is left alone");
  }
});

test("solves a quadratic of condition 1e4 to its known minimum, by what it remembers", async () => {
  const dim = 20;
  const curvature = (i: number) => 10 ** ((4 * i) / (dim - 1));
  const quadratic = (x: Float64Array): Evaluation => ({
    value: x.reduce((sum, value, i) => sum + 0.5 * curvature(i) * (value - i) ** 2, 0),
    gradient: x.map((value, i) => curvature(i) * (value - i)),
  });
  const options = {
    start: new Float64Array(dim).fill(-1),
    evaluate: at(quadratic),
    tolerance: 1e-10,
    maxIterations: 600,
  };
  const end = await minimize(options);
  assert.ok(end.converged, end.reason);
  const want = Float64Array.from({ length: dim }, (_, i) => i);
  expectClose(end.x, want, "x", { absolute: 1e-4 });
  const forgetful = await minimize({ ...options, memory: 1 });
  assert.is(forgetful.converged, false, "one remembered step is not enough");
});

/** Two-feature logistic regression with bias and l2 0.01 on all three, on 200 noisy rows. */
function logisticProblem() {
  const { normal, uniform } = rngFrom(11);
  const rows = Array.from({ length: 200 }, () => {
    const [a, b] = [normal(), 3 * normal()];
    return { x: [a, b, 1] as const, y: uniform() < 1 / (1 + Math.exp(-(2 * a - b + 0.5))) ? 1 : 0 };
  });
  const l2 = 0.01;
  const evaluate = (w: Float64Array) => {
    let value = (l2 / 2) * w.reduce((sum, each) => sum + each * each, 0);
    const gradient = w.map((each) => l2 * each);
    const hessian = [0, 1, 2].map((i) => [0, 1, 2].map((j) => (i === j ? l2 : 0)));
    for (const { x, y } of rows) {
      const p = 1 / (1 + Math.exp(-(w[0]! * x[0] + w[1]! * x[1] + w[2]!)));
      value -= (y * Math.log(p) + (1 - y) * Math.log(1 - p)) / rows.length;
      for (const i of [0, 1, 2] as const) {
        gradient[i]! += ((p - y) * x[i]) / rows.length;
        for (const j of [0, 1, 2] as const) hessian[i]![j]! += (p * (1 - p) * x[i] * x[j]) / rows.length;
      }
    }
    return { value, gradient, hessian };
  };
  return evaluate;
}

/** Solves the 3 x 3 system `A s = g` by Cramer's rule. */
function solve3(A: number[][], g: Float64Array): number[] {
  const det = ([a, b, c]: number[][]) =>
    a![0]! * (b![1]! * c![2]! - b![2]! * c![1]!) -
    a![1]! * (b![0]! * c![2]! - b![2]! * c![0]!) +
    a![2]! * (b![0]! * c![1]! - b![1]! * c![0]!);
  return [0, 1, 2].map((k) => det(A.map((row, i) => row.map((entry, j) => (j === k ? g[i]! : entry)))) / det(A));
}

test("finds the optimum of a logistic regression that Newton's method finds", async () => {
  const evaluate = logisticProblem();
  const newton = new Float64Array(3);
  for (let i = 0; i < 20; i++) {
    const { gradient, hessian } = evaluate(newton);
    for (const [k, change] of solve3(hessian, gradient).entries()) newton[k]! -= change;
  }
  const end = await minimize({ start: new Float64Array(3), evaluate: at(evaluate), tolerance: 1e-9 });
  assert.ok(end.converged, end.reason);
  assert.ok(Math.abs(newton[0]!) > 0.5, "an optimum away from the start");
  expectClose(end.x, newton, "weights", { absolute: 1e-7 });
  expectClose([end.value], [evaluate(newton).value], "value", { absolute: 1e-14 });
});

test("converges on values and gradients that are exact to float32 only", async () => {
  const evaluate = logisticProblem();
  const rounded = (w: Float64Array) => {
    const { value, gradient } = evaluate(Float64Array.from(w, Math.fround));
    return { value: Math.fround(value), gradient: Float32Array.from(gradient) };
  };
  const end = await minimize({ start: new Float64Array(3), evaluate: at(rounded), tolerance: 1e-5 });
  assert.ok(end.converged, end.reason);
});

test("measures the tolerance against the gradient at the start", async () => {
  const scaled = (x: Float64Array) => ({ value: 5e3 * x[0]! ** 2, gradient: Float64Array.of(1e4 * x[0]!) });
  const end = await minimize({ start: Float64Array.of(1), evaluate: at(scaled), tolerance: 0.5 });
  assert.ok(end.converged && end.gradientNorm <= 5e3 && end.gradientNorm === 1e4 * Math.abs(end.x[0]!));
});

test("says why it ended when it did not converge", async () => {
  const start = Float64Array.of(-1.2, 1);
  const early = await minimize({ start, evaluate: at(rosenbrock), maxIterations: 3 });
  assert.equal([early.converged, early.reason, early.iterations], [false, "iterations", 3]);
  const wrongGradient = (x: Float64Array) => ({ value: x[0]!, gradient: Float64Array.of(-1) });
  const stuck = await minimize({ start: Float64Array.of(0), evaluate: at(wrongGradient) });
  assert.equal([stuck.converged, stuck.reason, stuck.iterations, stuck.x[0]], [false, "noDescent", 0, 0]);
});

test("is done at once where the gradient vanishes", async () => {
  const start = Float64Array.of(1, 1);
  const end = await minimize({ start, evaluate: at(rosenbrock) });
  assert.equal([end.converged, end.iterations, end.evaluations], [true, 0, 1]);
  assert.is.not(end.x, start, "the result has its own memory");
});

test("refuses a start without value and a gradient of another length", async () => {
  const run = async (evaluation: Evaluation) => {
    try {
      await minimize({ start: Float64Array.of(0), evaluate: async () => evaluation });
    } catch (error) {
      assert.instance(error, RangeError);
      return (error as Error).message;
    }
    throw new Error("nothing was thrown");
  };
  assert.match(await run({ value: Number.NaN, gradient: [1] }), "not finite at the start");
  assert.match(await run({ value: 0, gradient: [Number.NaN] }), "not finite at the start");
  assert.match(await run({ value: 0, gradient: [1, 2] }), "want a gradient of 1 components, got 2");
});

test.run();
