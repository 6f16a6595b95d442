import { suite } from "uvu";
import * as assert from "uvu/assert";
import { joinedFloats } from "../lib/floats.js";

const test = suite("floats");

test("arrays are joined in their order; none give none, and one is itself", () => {
  assert.equal(joinedFloats([Float32Array.of(1, 2), Float32Array.of(), Float32Array.of(3)]), Float32Array.of(1, 2, 3));
  assert.equal(joinedFloats([]), new Float32Array(0));
  const one = Float32Array.of(1);
  assert.is(joinedFloats([one]), one);
});

test.run();
