import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { linearProbe, majorityAccuracy } from "../../lib/probe/linearProbe.js";
import { L2_GRID } from "../../lib/probe/softmaxClassifier.js";
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
  const good = await linearProbe({ engine, train, test: rows(60, 2), classes: 6, seed: 0 });
  assert.ok(good.top1 > 0.9 && good.converged, JSON.stringify(good));
  const { features, labels } = rows(60, 2);
  const wrong = { features, labels: labels.map((label) => (label + 3) % 6) };
  const bad = await linearProbe({ engine, train, test: wrong, classes: 6, seed: 0 });
  assert.ok(bad.top1 < 0.1 && bad.l2 === good.l2, JSON.stringify(bad));
});

test("chooses l2 from the grid unless it is given", async () => {
  const sets = { train: rows(60, 1), test: rows(30, 2) };
  const chosen = await linearProbe({ engine, ...sets, classes: 6, seed: 0 });
  assert.ok(L2_GRID.includes(chosen.l2));
  const given = await linearProbe({ engine, ...sets, classes: 6, seed: 0, l2: 50 });
  assert.is(given.l2, 50);
});

test("knows what naming the most frequent training classes gives", () => {
  const trainLabels = Int32Array.of(2, 2, 2, 0, 0, 1, 1, 3, 4, 5);
  const testLabels = Int32Array.of(2, 0, 5, 6);
  const accuracy = majorityAccuracy({ trainLabels, testLabels, classes: 7 });
  assert.equal(accuracy, { top1: 1 / 4, top5: 2 / 4 }, "the five are 2, 0, 1, 3, 4");
});

test.run();
