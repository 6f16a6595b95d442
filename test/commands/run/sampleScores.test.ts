import { suite } from "uvu";
import * as assert from "uvu/assert";
import { expectKnownClasses, scoreSet } from "../../../commands/run/sampleScores.js";
import type { ImageSource } from "../../../lib/data/source.js";
import { DataError } from "../../../lib/errors.js";
import { plainSource } from "../../data/support.js";
import { expectThrow } from "../../support.js";

const test = suite("commands/run/sampleScores");

/** A source with these labels, -1 for none, and class names. */
function labelled(labels: readonly number[], classNames: readonly string[]): ImageSource {
  return { ...plainSource(labels.length), classNames, label: (i) => labels[i] ?? -1 };
}

const reference = labelled([0, 1, 2], ["bird", "cat", "dog"]);

test("shares, distances and copies of a small set", () => {
  const scores = scoreSet({
    source: labelled([0, 0, 1, 2], ["bird", "cat", "dog"]),
    indices: Int32Array.of(0, 1, 2, 3),
    nearest: { indices: Int32Array.of(0, 2, 1, 2), distances: Float64Array.of(0.1, 0.2, 0.03, 0.01) },
    reference,
    copyDistance: 0.03,
  });
  assert.is(scores.nearestClassShare, 0.75);
  assert.equal(
    scores.perClass.map(({ className, images, nearestClassShare }) => [className, images, nearestClassShare]),
    [
      ["bird", 2, 0.5],
      ["cat", 1, 1],
      ["dog", 1, 1],
    ],
  );
  assert.ok(Math.abs(scores.meanDistance - 0.085) < 1e-12);
  assert.is(scores.minDistance, 0.01);
  assert.is(scores.copies, 2);
  assert.is(scores.images, 4);
});

test("classes are matched by name, not by number", () => {
  const source = labelled([0, 1], ["dog", "bird"]);
  const nearest = { indices: Int32Array.of(2, 0), distances: Float64Array.of(0.1, 0.1) };
  const scores = scoreSet({ source, indices: Int32Array.of(0, 1), nearest, reference, copyDistance: 0 });
  assert.is(scores.nearestClassShare, 1);
  assert.equal(
    scores.perClass.map(({ className }) => className),
    ["bird", "dog"],
  );
});

test("a class that one side only numbers is matched by its number", () => {
  const numbered = labelled([0, 1, 2], ["0", "1", "2"]);
  const nearest = { indices: Int32Array.of(0, 1, 2), distances: Float64Array.of(0.1, 0.1, 0.1) };
  for (const [source, references] of [
    [numbered, reference],
    [reference, numbered],
  ] as const) {
    expectKnownClasses(source, references);
    const options = { source, indices: Int32Array.of(0, 1, 2), nearest, reference: references, copyDistance: 0 };
    assert.is(scoreSet(options).nearestClassShare, 1);
  }
  assert.throws(() => expectKnownClasses(labelled([3], ["0", "1", "2", "3"]), reference), /"3"/);
});

test("images without a class count for distances only", () => {
  const source = labelled([-1, 1, -1], ["bird", "cat"]);
  const nearest = { indices: Int32Array.of(0, 1, 2), distances: Float64Array.of(0.2, 0.1, 0.3) };
  const scores = scoreSet({ source, indices: Int32Array.of(0, 1, 2), nearest, reference, copyDistance: 0 });
  assert.is(scores.nearestClassShare, 1);
  assert.is(scores.perClass[0]?.images, 1);
  assert.is(scores.images, 3);
});

test("without classes on either side there is no share", () => {
  const nearest = { indices: Int32Array.of(0), distances: Float64Array.of(0.2) };
  const share = (source: ImageSource, references: ImageSource) =>
    scoreSet({ source, indices: Int32Array.of(0), nearest, reference: references, copyDistance: 0 }).nearestClassShare;
  const { classNames: _, ...unlabelled } = labelled([-1], []);
  assert.is(share(unlabelled, reference), null);
  assert.is(share(labelled([0], ["bird"]), unlabelled), null);
});

test("a damaged image does not shift the labels of those after it", () => {
  const source = labelled([0, 1, 2], ["bird", "cat", "dog"]);
  const nearest = { indices: Int32Array.of(0, 2), distances: Float64Array.of(0.1, 0.1) };
  const scores = scoreSet({ source, indices: Int32Array.of(0, 2), nearest, reference, copyDistance: 0 });
  assert.is(scores.nearestClassShare, 1);
});

test("a class that the training images lack is an error that names it", () => {
  const source = labelled([0, 1], ["bird", "fish"]);
  expectThrow(() => expectKnownClasses(source, reference), DataError, /"fish".*bird, cat, dog/);
  expectKnownClasses(labelled([0, -1], ["cat"]), reference);
});

test("a set of which nothing could be read is an error", () => {
  const nearest = { indices: new Int32Array(), distances: new Float64Array() };
  const options = { source: reference, indices: new Int32Array(), nearest, reference, copyDistance: 0 };
  assert.throws(() => scoreSet(options), /no image could be read/);
});

test.run();
