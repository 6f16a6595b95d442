import { suite } from "uvu";
import * as assert from "uvu/assert";
import { nearestClassShare } from "../../lib/metrics/nearestClass.js";

const test = suite("metrics/nearestClass");

const referenceLabels = Int32Array.of(0, 0, 1, 2);

test("gives the share over all queries and within each wanted class", () => {
  const share = nearestClassShare({
    indices: Int32Array.of(0, 1, 2, 2, 3),
    referenceLabels, // of the nearest: 0 0 1 1 2
    wantedLabels: [0, 0, 0, 1, 1],
    classes: 4,
  });
  assert.equal(share, { overall: 3 / 5, perClass: [2 / 3, 1 / 2, null, null] });
});

test("refuses missing queries, labels and references", () => {
  const indices = Int32Array.of(0, 9);
  const share = (wantedLabels: number[]) => nearestClassShare({ indices, referenceLabels, wantedLabels, classes: 3 });
  assert.throws(() => share([0]), /got 1 for 2/);
  assert.throws(() => share([3, 0]), /query 0 wants class 3 of 3/);
  assert.throws(() => share([0, 0]), /no label for reference 9/);
  assert.throws(
    () => nearestClassShare({ indices: new Int32Array(0), referenceLabels, wantedLabels: [], classes: 3 }),
    /at least one/,
  );
});

test.run();
