import { suite } from "uvu";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { covarianceOf, whitening } from "../../lib/probe/whitening.js";
import { rngFrom } from "../../lib/random.js";
import { expectClose } from "../support.js";

const test = suite("probe/whitening");

// L = [[2, 0], [1, 3]]: L L^T = [[4, 2], [2, 10]], of which 1 on the diagonal is the ridge.
const worked = whitening({ covariance: Float32Array.of(3, 2, 2, 9), ridge: 1 });

test("agrees with two features worked by hand", () => {
  const weights = Float64Array.of(1, 2, 3, 4); // [[1, 2], [3, 4]]
  expectClose(worked.whiten(weights), [5, 8, 9, 12], "L^T W", { absolute: 1e-12 });
  expectClose(worked.gradient(weights), [0.5, 1, 2.5 / 3, 1], "L^-1 G", { absolute: 1e-12 });
});

test("restores what it whitened", () => {
  const { normal } = rngFrom(1);
  const weights = Float64Array.from({ length: 4 }, normal);
  expectClose(worked.restore(worked.whiten(weights)), weights, "weights", { absolute: 1e-12 });
});

test("keeps the change of a function along a step: g . dW = (whitened g) . dV", () => {
  const { normal } = rngFrom(2);
  const [g, step] = [Float64Array.from({ length: 4 }, normal), Float64Array.from({ length: 4 }, normal)];
  const dot = (a: Float64Array, b: Float64Array) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  expectClose([dot(worked.gradient(g), worked.whiten(step))], [dot(g, step)], "change", { absolute: 1e-12 });
});

test("stays finite where features repeat one another", () => {
  const twins = whitening({ covariance: Float32Array.of(1, 1, 1, 1), ridge: 1e-5 });
  expectClose(twins.restore(twins.whiten(Float64Array.of(1, -1))), [1, -1], "weights", { absolute: 1e-9 });
});

test("measures the covariance of the rows, of evenly spaced ones when there are many", async () => {
  const engine = await createEagerEngine("cpu");
  const few = await covarianceOf(engine, Float32Array.of(1, 2, -1, 2, 3, 0), 2);
  expectClose(few, [11 / 3, 0, 0, 8 / 3], "X^T X / 3", { absolute: 1e-6 });
  const rows = 20_000; // every third is taken: rows 0, 3, 6, ...
  const many = Float32Array.from({ length: rows }, (_, i) => (i % 3 === 0 ? 2 : 100));
  expectClose(await covarianceOf(engine, many, 1), [4], "of the rows taken", { absolute: 1e-5 });
});

test.run();
