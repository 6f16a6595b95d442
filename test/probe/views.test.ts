import { suite } from "uvu";
import * as assert from "uvu/assert";
import { imageLabels, imageRows } from "../../lib/probe/views.js";

const test = suite("probe/views");

const labels = Int32Array.of(3, 3, 0, 0, 5, 5);
const features = Float32Array.from({ length: 18 }, (_, i) => i); // rows of 3

test("an image has the label of its first row", () => {
  assert.equal([...imageLabels(labels, 2)], [3, 0, 5]);
  assert.equal([...imageLabels(labels)], [...labels]);
  assert.throws(() => imageLabels(labels, 4), /want 4 rows an image, got 6 rows/);
});

test("the rows of an image stay together, in the order asked for", () => {
  const { features: picked, labels: own, views } = imageRows({ features, labels, views: 2 }, Uint32Array.of(2, 0));
  assert.equal([...picked], [12, 13, 14, 15, 16, 17, 0, 1, 2, 3, 4, 5]);
  assert.equal([[...own], views], [[5, 5, 3, 3], 2]);
});

test.run();
