import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Reading } from "../../../commands/run/neighbourSearch.js";
import { compareSets, fewest, lookAtSets, type Sets, type SetsOptions } from "../../../commands/run/sampleFeatures.js";
import { spreadPlaces, thinned } from "../../../lib/data/thinned.js";
import { createOnnxEngine } from "../../../lib/engine/onnxruntime.js";
import { FileError } from "../../../lib/errors.js";
import { openManifold } from "../../../lib/metrics/manifold.js";
import { plainSource } from "../../data/support.js";
import { expectClose, expectRejection } from "../../support.js";
import { pixelEye } from "./support/pixelEye.js";

const test = suite("commands/run/sampleFeatures");

const reading: Reading = { size: 2, channels: 3, resize: "cover", batchSize: 4, strict: false };
const engine = await createOnnxEngine({ threads: 1 });

/** Image i of the plain source is of the level i; the reference has levels 0 to 39, the samples eight of 1 to 15. */
const reference = plainSource(40);
const samples = thinned(plainSource(40), [1, 3, 5, 7, 9, 11, 13, 15]);

async function compare(sets: Partial<Sets> = {}, options: Partial<SetsOptions> = {}) {
  const seen = await lookAtSets(
    { samples, reference, real: undefined, ...sets },
    { eye: pixelEye(), reading, ...options },
  );
  return compareSets(seen, { engine, dim: 2 });
}

/** Mean and sample deviation. */
function normalOf(values: readonly number[]): readonly [mean: number, deviation: number] {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return [mean, Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1))];
}

test("the distance is to the whole reference, neighbours are of as many images as there are samples", async () => {
  const { samples: got, reference: seen, neighbours, real } = await compare();
  const [[m1, s1], [m2, s2]] = [normalOf([...Array(40).keys()]), normalOf([1, 3, 5, 7, 9, 11, 13, 15])];
  expectClose([got.frechet], [(m1 - m2) ** 2 + (s1 - s2) ** 2], "distance", { relative: 1e-5 });
  assert.equal(
    [got.images, seen.moments.count, neighbours, real, got.inceptionScore],
    [8, 40, 8, undefined, undefined],
  );
  const rows = (levels: readonly number[]) => Float32Array.from(levels.flatMap((level) => [level, 1]));
  const manifold = await openManifold({ engine, reference: rows(spreadPlaces(8, 40)), dim: 2 });
  assert.equal(got.manifold, await manifold.score(rows([1, 3, 5, 7, 9, 11, 13, 15])));
  await manifold.close();
});

test("real images are measured like the samples, as many and spread over their set", async () => {
  const { samples: got, real } = await compare({ real: samples });
  assert.equal(real, got, "the same images have the same figures");
  const many = await compare({ real: thinned(plainSource(40), [...Array(40).keys()]) });
  assert.is(many.real?.images, 8);
  const [[m1, s1], [m2, s2]] = [normalOf([...Array(40).keys()]), normalOf(spreadPlaces(8, 40))];
  expectClose([many.real!.frechet], [(m1 - m2) ** 2 + (s1 - s2) ** 2], "distance", { relative: 1e-4 });
  assert.is(fewest(many), 8);
  const few = await compare({ real: thinned(plainSource(40), [3, 9]) });
  assert.equal([few.real?.images, few.real?.manifold, fewest(few)], [2, undefined, 2]);
});

test("a reference that is known is only looked at for its neighbours", async () => {
  const first = await compare();
  const { rows: _, ...known } = first.reference;
  const stored = { ...known, inceptionScore: { mean: 1, std: 0, images: 40, splits: 10 }, file: "kept" };
  const looks = { images: 0 };
  const again = await compare({}, { stored, eye: pixelEye(looks) });
  assert.is(looks.images, 8 + 8);
  assert.equal(again.samples, first.samples);
  const other = { ...stored, pixels: "0" };
  await expectRejection(compare({}, { stored: other }), FileError, /kept: the originals have changed/);
});

test("sets of no more images than neighbours have a distance only", async () => {
  const { samples: got, neighbours } = await compare({ samples: thinned(plainSource(9), [1, 2, 3, 4, 5]) });
  assert.equal([got.images, neighbours, got.manifold], [5, 5, undefined]);
  assert.ok(got.frechet > 0);
});

test.run();
