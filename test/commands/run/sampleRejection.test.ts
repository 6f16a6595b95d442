import { suite } from "uvu";
import * as assert from "uvu/assert";
import { candidatesFor, surest } from "../../../commands/run/sampleRejection.js";

const test = suite("commands/run/sampleRejection");

test("of each class its share is kept, the surest, in order of drawing", () => {
  const classIds = [7, 7, 7, 7, 2, 2, 2];
  const confidence = [0.1, 0.9, 0.3, 0.8, 0.05, 0.02, 0.04];
  const shares = new Map([
    [7, 2],
    [2, 1],
  ]);
  assert.equal(surest(classIds, confidence, shares), [1, 3, 4]);
  assert.equal(surest(classIds, new Float32Array(7), shares), [0, 1, 4], "equals: the first drawn");
});

test("more images of one class than a call takes arguments are kept", () => {
  const [drawn, kept] = [300_000, 200_000];
  const confidence = Float32Array.from({ length: drawn }, (_, i) => -i);
  const found = surest(new Array<number>(drawn).fill(1), confidence, new Map([[1, kept]]));
  assert.equal([found.length, found[0], found.at(-1)], [kept, 0, kept - 1]);
});

test("as many are drawn that the share of them is what is wanted", () => {
  assert.equal(
    [candidatesFor(10, 0.25), candidatesFor(10, 0.3), candidatesFor(1, 0.05), candidatesFor(3, 1)],
    [40, 33, 20, 3],
  );
});

test.run();
