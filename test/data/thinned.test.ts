import { suite } from "uvu";
import * as assert from "uvu/assert";
import { spreadPlaces, thinned } from "../../lib/data/thinned.js";
import { plainSource } from "./support.js";

const test = suite("data/thinned");

test("one place lies in each of equal parts, and all are taken where there are no more", () => {
  const places = spreadPlaces(4, 10);
  for (const [i, [from, to]] of [
    [0, 2],
    [2, 5],
    [5, 7],
    [7, 10],
  ].entries())
    assert.ok(places[i]! >= from! && places[i]! < to!, `${places}`);
  assert.equal(spreadPlaces(4, 10), places, "always the same");
  assert.equal(spreadPlaces(3, 3), [0, 1, 2]);
  assert.equal(spreadPlaces(9, 2), [0, 1]);
});

test("shares of classes are kept whether the set is sorted or its classes take turns", () => {
  const places = spreadPlaces(1000, 10_000);
  for (const classOf of [(place: number) => Math.floor(place / 1000), (place: number) => place % 10]) {
    const counts = Array.from({ length: 10 }, (_, label) => places.filter((place) => classOf(place) === label).length);
    assert.ok(
      counts.every((count) => count > 70 && count < 130),
      `${counts}`,
    );
  }
});

test("a thinned source keeps labels, names and pixels of its places", () => {
  const source = thinned(plainSource(10), [0, 4, 8]);
  assert.is(source.count, 3);
  assert.equal([0, 1, 2].map(source.label), [0, 1, 2]);
  assert.equal([0, 1, 2].map(source.name), ["image 0", "image 4", "image 8"]);
  assert.equal(source.input(2), plainSource(10).input(8));
});

test.run();
