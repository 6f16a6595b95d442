import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { type ManifoldScores, type Neighbours, openManifold } from "../../lib/metrics/manifold.js";
import { rngFrom } from "../../lib/random.js";
import { expectRejection } from "../support.js";

const test = suite("metrics/manifold");

const engine = await createOnnxEngine({ threads: 1 });

type Case = { reference: Float32Array; samples: Float32Array; dim: number; neighbours?: Neighbours };

async function scoresOf({ samples, ...of }: Case): Promise<ManifoldScores> {
  const manifold = await openManifold({ engine, ...of });
  const scores = await manifold.score(samples);
  await manifold.close();
  return scores;
}

/** The definitions, over all distances in double. */
function slow({ reference, samples, dim, neighbours = { precisionRecall: 3, densityCoverage: 5 } }: Case) {
  const rowsOf = (values: Float32Array) =>
    Array.from({ length: values.length / dim }, (_, i) => values.subarray(i * dim, (i + 1) * dim));
  const [real, made] = [rowsOf(reference), rowsOf(samples)];
  const squared = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, k) => sum + (value - y[k]!) ** 2, 0);
  const radii = (rows: Float32Array[], k: number) =>
    rows.map(
      (x) =>
        rows
          .filter((y) => y !== x)
          .map((y) => squared(x, y))
          .sort((a, b) => a - b)[k - 1]!,
    );
  const { precisionRecall, densityCoverage: k } = neighbours;
  const [near, wide, own] = [radii(real, precisionRecall), radii(real, k), radii(made, precisionRecall)];
  const share = (rows: Float32Array[], hit: (row: Float32Array, i: number) => boolean) =>
    rows.filter(hit).length / rows.length;
  const hits = made.map((y) => real.filter((x, i) => squared(x, y) <= wide[i]!).length);
  return {
    precision: share(made, (y) => real.some((x, i) => squared(x, y) <= near[i]!)),
    recall: share(real, (x) => made.some((y, j) => squared(x, y) <= own[j]!)),
    density: hits.reduce((sum, count) => sum + count, 0) / (k * made.length),
    coverage: share(real, (x, i) => made.some((y) => squared(x, y) <= wide[i]!)),
  };
}

const line = {
  reference: Float32Array.of(0, 1, 3, 10), // nearest other: 1, 1, 2, 7; second: 3, 2, 3, 9
  samples: Float32Array.of(2, 4, 20, 21), // nearest other: 2, 2, 1, 1
  dim: 1,
};

test("points on a line, worked by hand; what lies on a ball's surface is inside", async () => {
  // Real balls [-1, 1], [0, 2], [1, 5], [3, 17]: 2 is in two, 4 in two; the first holds no sample.
  // Balls of samples [0, 4], [2, 6], [19, 21], [20, 22]: all real points but 10.
  assert.equal(await scoresOf({ ...line, neighbours: { precisionRecall: 1, densityCoverage: 1 } }), {
    precision: 2 / 4,
    recall: 3 / 4,
    density: 4 / 4,
    coverage: 3 / 4,
  });
  // Wider real balls [-3, 3], [-1, 3], [0, 6], [1, 19]: 2 is in four, 4 in two.
  assert.equal(await scoresOf({ ...line, neighbours: { precisionRecall: 1, densityCoverage: 2 } }), {
    precision: 2 / 4,
    recall: 3 / 4,
    density: 6 / 8,
    coverage: 1,
  });
});

type Spread = { dim: number; seed: number; scale?: number; shift?: number };

/** Normal vectors whose dimensions matter less and less, as those of features do. */
function draw(rows: number, { dim, seed, scale = 1, shift = 0 }: Spread): Float32Array {
  const { normal } = rngFrom(seed);
  return Float32Array.from({ length: rows * dim }, (_, at) => (scale * normal()) / (1 + (at % dim)) + shift);
}

test("agrees with loops over all distances in double, where products in float32 decide and where they cannot", async () => {
  for (const [dim, shift] of [
    [2, 0],
    [2, 3000],
    [40, 0],
    [40, 3000],
  ] as const) {
    const reference = draw(90, { dim, seed: 3, shift });
    const samples = draw(70, { dim, seed: 4, scale: 0.8, shift: shift + 0.1 });
    const got = await scoresOf({ reference, samples, dim });
    assert.equal(got, slow({ reference, samples, dim }), `width ${dim}, shift ${shift}`);
    assert.ok(got.recall > 0 && got.recall < 1 && got.coverage > 0 && got.coverage < 1, "the case can tell");
  }
});

test("agrees where many points coincide or are equally far", async () => {
  const { integer } = rngFrom(5);
  const grid = (rows: number) => Float32Array.from({ length: 3 * rows }, () => 0.1 * integer(4));
  const [reference, samples] = [grid(80), grid(60)];
  assert.equal(await scoresOf({ reference, samples, dim: 3 }), slow({ reference, samples, dim: 3 }));
  const alone = new Float32Array(30).fill(0.3);
  assert.equal(await scoresOf({ reference: alone, samples: alone, dim: 3 }), {
    precision: 1,
    recall: 1,
    density: 10 / 5,
    coverage: 1,
  });
});

test("agrees over several blocks", async () => {
  const [reference, samples] = [draw(1100, { dim: 3, seed: 6 }), draw(1030, { dim: 3, seed: 7 })];
  assert.equal(await scoresOf({ reference, samples, dim: 3 }), slow({ reference, samples, dim: 3 }));
});

test("samples of the real distribution have density 1 and coverage 1 - 2^-k, a part of it has less recall", async () => {
  const dim = 8;
  const reference = draw(1500, { dim, seed: 8 });
  const same = await scoresOf({ reference, samples: draw(1500, { dim, seed: 9 }), dim });
  // Naeem et al. 2020, section 3: what equal sets of a distribution score on average.
  assert.ok(Math.abs(same.density - 1) < 0.1, `density ${same.density}`);
  assert.ok(Math.abs(same.coverage - (1 - 2 ** -5)) < 0.02, `coverage ${same.coverage}`);
  const narrow = await scoresOf({ reference, samples: draw(1500, { dim, seed: 9, scale: 0.3 }), dim });
  assert.ok(narrow.precision > same.precision, `precision ${narrow.precision}`);
  assert.ok(narrow.recall < 0.2 && narrow.coverage < 0.5, `recall ${narrow.recall}, coverage ${narrow.coverage}`);
});

test("a manifold wants more images than neighbours", async () => {
  const few = { reference: new Float32Array(5), samples: new Float32Array(6), dim: 1 };
  await expectRejection(scoresOf(few), RangeError, /want more than 5 feature vectors, got 5/);
  const fewSamples = { reference: new Float32Array(6), samples: new Float32Array(3), dim: 1 };
  await expectRejection(scoresOf(fewSamples), RangeError, /want more than 3 feature vectors, got 3/);
});

test.run();
