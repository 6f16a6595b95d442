import { readFile } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { countMoments, type Moments } from "../../lib/metrics/featureMoments.js";
import { frechetDistance } from "../../lib/metrics/frechet.js";
import { expectClose, fixture } from "../support.js";
import { hashedFeatures, randomMatrix } from "./support.js";

const test = suite("metrics/frechet");

type GoldenCase = { dim: number; counts: [number, number]; shift: number; distance: number };

function momentsOf(dim: number, rows: ArrayLike<number>): Moments {
  const counter = countMoments(dim);
  counter.add(rows);
  return counter.result();
}

const normal = (mean: readonly number[], covariance: readonly number[]): Moments => ({
  count: 100,
  mean: Float64Array.from(mean),
  covariance: Float64Array.from(covariance),
});

test("in one dimension it is (m1 - m2)^2 + (s1 - s2)^2", () => {
  expectClose([frechetDistance(normal([1], [9]), normal([4], [4]))], [9 + 1], "distance", { absolute: 1e-14 });
});

test("of covariances that commute it is the sum over their common axes", () => {
  // Axes (1, 1) and (1, -1) over sqrt 2, variances 4, 1 and 9, 16: (2 - 3)^2 + (1 - 4)^2.
  const [first, second] = [normal([0, 0], [2.5, 1.5, 1.5, 2.5]), normal([0, 2], [12.5, -3.5, -3.5, 12.5])];
  expectClose([frechetDistance(first, second)], [4 + 1 + 9], "distance", { absolute: 1e-13 });
});

test("of lines it is 2 - 2 |cos| of the angle between them, and against a point the whole variance", () => {
  const line = (angle: number) => {
    const [c, s] = [Math.cos(angle), Math.sin(angle)];
    return normal([0, 0], [c * c, c * s, c * s, s * s]);
  };
  expectClose([frechetDistance(line(0.3), line(1.3))], [2 - 2 * Math.cos(1)], "lines", { absolute: 1e-7 });
  expectClose([frechetDistance(line(0), line(Math.PI / 2))], [2], "at right angles", { absolute: 1e-15 });
  expectClose([frechetDistance(line(0.3), normal([0, 0], [0, 0, 0, 0]))], [1], "a point", { absolute: 1e-15 });
});

test("agrees with NumPy and SciPy, for sets of full rank and of fewer vectors than dimensions", async () => {
  const cases = JSON.parse(await readFile(fixture("golden", "frechet.json"), "utf8")) as GoldenCase[];
  for (const { dim, counts, shift, distance } of cases) {
    const [first, second] = counts.map((count, i) => momentsOf(dim, hashedFeatures(i, count, dim, i * shift))) as [
      Moments,
      Moments,
    ];
    const what = `${dim} dimensions, ${counts.join(" and ")} vectors`;
    expectClose([frechetDistance(first, second)], [distance], what, { relative: 1e-8 });
    expectClose([frechetDistance(second, first)], [distance], `${what}, swapped`, { relative: 1e-8 });
  }
});

test("equal sets are at no distance, a shift at its square, and a scale s at (s - 1)^2 of the variance", () => {
  for (const vectors of [200, 20]) {
    const dim = 64;
    const { covariance } = momentsOf(dim, randomMatrix(vectors, dim, vectors).values);
    const variance = covariance.reduce((sum, value, at) => (Math.floor(at / dim) === at % dim ? sum + value : sum), 0);
    const at = (shift: number, scale = 1) => ({
      count: vectors,
      mean: new Float64Array(dim).fill(shift),
      covariance: covariance.map((value) => scale * scale * value),
    });
    const from = (b: Moments) => frechetDistance(at(0), b);
    const tolerance = { absolute: 1e-12 * variance };
    expectClose([from(at(0))], [0], `${vectors} equal`, tolerance);
    expectClose([from(at(0.5))], [dim / 4], `${vectors} shifted`, tolerance);
    expectClose([from(at(0, 1.1))], [0.01 * variance], `${vectors} scaled`, tolerance);
  }
});

test("other widths and what is no covariance are refused", () => {
  const plane = normal([0, 0], [1, 0, 0, 1]);
  assert.throws(() => frechetDistance(plane, normal([0], [1])), /one width, got 2 and 1/);
  assert.throws(() => frechetDistance(plane, normal([0, 0], [1, 0, 0, -1])), /diagonal is -1/);
});

test.run();
