import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { judge } from "../../lib/probe/judge.js";
import { linearProbe, majorityAccuracy } from "../../lib/probe/linearProbe.js";
import { L2_GRID } from "../../lib/probe/softmaxClassifier.js";
import { stratifiedSubset } from "../../lib/probe/stratifiedSubset.js";
import { imageRows } from "../../lib/probe/views.js";
import { rngFrom } from "../../lib/random.js";

const test = suite("probe/linearProbe");

const engine = await createEagerEngine("cpu");

/** One feature that is the class but for noise, one that says nothing; six classes. */
function rows(count: number, seed: number) {
  const { normal } = rngFrom(seed);
  const labels = Int32Array.from({ length: count }, (_, i) => i % 6);
  const features = Float32Array.from({ length: 2 * count }, (_, i) =>
    i % 2 === 0 ? 3 * labels[i / 2]! + 0.3 * normal() : normal(),
  );
  return { features, labels };
}

test("is judged by the test rows alone", async () => {
  const train = rows(120, 1);
  const { probe: good } = await linearProbe({ engine, train, test: rows(60, 2), classes: 6, seed: 0 });
  assert.ok(good.top1 > 0.9 && good.converged, JSON.stringify(good));
  const { features, labels } = rows(60, 2);
  const wrong = { features, labels: labels.map((label) => (label + 3) % 6) };
  const { probe: bad } = await linearProbe({ engine, train, test: wrong, classes: 6, seed: 0 });
  assert.ok(bad.top1 < 0.1 && bad.l2 === good.l2, JSON.stringify(bad));
});

test("chooses l2 from the grid unless it is given", async () => {
  const sets = { train: rows(60, 1), test: rows(30, 2) };
  const { probe: chosen } = await linearProbe({ engine, ...sets, classes: 6, seed: 0 });
  assert.ok(L2_GRID.includes(chosen.l2));
  const { probe: given } = await linearProbe({ engine, ...sets, classes: 6, seed: 0, l2: 50 });
  assert.is(given.l2, 50);
});

test("gives the classifier that was fitted to all, and what it takes for what", async () => {
  const sets = { train: rows(60, 1), test: rows(30, 2) };
  const { probe, classifier, confusion } = await linearProbe({ engine, ...sets, classes: 6, seed: 0, l2: 1e-3 });
  const { confusion: again, top1, top5 } = judge(classifier, sets.test);
  assert.equal(confusion, again);
  assert.equal(probe, { top1, top5, l2: 1e-3, converged: true });
});

test("fits again to a share of the images of each class, and the full fit stays what it was", async () => {
  const sets = { train: rows(240, 1), test: rows(60, 2) };
  const options = { engine, ...sets, classes: 6, seed: 0, l2: 1e-3 };
  const { probe } = await linearProbe({ ...options, fractions: [0.001, 0.2] });
  const { fractions = [], ...full } = probe;
  assert.equal(full, (await linearProbe(options)).probe);
  assert.equal(
    fractions.map(({ fraction, images, converged }) => [fraction, images, converged]),
    [
      [0.001, 6, true],
      [0.2, 48, true],
    ],
  );
  // By hand: the fit to those rows alone.
  const chosen = stratifiedSubset({ labels: sets.train.labels, classes: 6, share: 0.2, seed: 0 });
  const part = await linearProbe({ ...options, train: imageRows(sets.train, chosen) });
  assert.equal([fractions[1]?.top1, fractions[1]?.top5], [part.probe.top1, part.probe.top5]);
});

test("takes the strongest l2 where one image a class leaves none to choose by", async () => {
  const sets = { train: rows(60, 1), test: rows(30, 2) };
  const { probe } = await linearProbe({ engine, ...sets, classes: 6, seed: 0, fractions: [0.01] });
  assert.equal([probe.fractions?.[0]?.images, probe.fractions?.[0]?.l2], [6, L2_GRID[0]]);
});

test("takes a fraction of images with all their views", async () => {
  const single = rows(60, 1);
  const views = 3;
  const train = {
    features: Float32Array.from({ length: 360 }, (_, i) => single.features[2 * Math.floor(i / 6) + (i % 2)]!),
    labels: Int32Array.from({ length: 180 }, (_, i) => single.labels[Math.floor(i / 3)]!),
    views,
  };
  const options = { engine, test: rows(30, 2), classes: 6, seed: 0, l2: 1e-2, fractions: [0.5] };
  const many = await linearProbe({ ...options, train });
  const one = await linearProbe({ ...options, train: single });
  assert.is(many.probe.fractions?.[0]?.images, 30);
  assert.is(many.probe.fractions?.[0]?.top1, one.probe.fractions?.[0]?.top1, "equal views change no fit");
  assert.is(many.probe.top1, one.probe.top1);
});

test("knows what naming the most frequent training classes gives", () => {
  const trainLabels = Int32Array.of(2, 2, 2, 0, 0, 1, 1, 3, 4, 5);
  const testLabels = Int32Array.of(2, 0, 5, 6);
  const accuracy = majorityAccuracy({ trainLabels, testLabels, classes: 7 });
  assert.equal(accuracy, { top1: 1 / 4, top5: 2 / 4 }, "the five are 2, 0, 1, 3, 4");
});

test.run();
