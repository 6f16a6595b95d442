import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../../lib/errors.js";
import { checkGuidance, type Guidance, guidedLogits, scaleAt } from "../../lib/sample/guidance.js";
import { expectClose, expectThrow } from "../support.js";

const test = suite("sample/guidance");

const along = (schedule: Guidance["schedule"], T: number) =>
  Array.from({ length: T }, (_, t) => scaleAt({ scale: 5, schedule }, t, T));

test("a constant scale stays, the others go from 1 at the first code to the scale at the last", () => {
  assert.equal(along("constant", 5), [5, 5, 5, 5, 5]);
  expectClose(along("linear", 5), [1, 2, 3, 4, 5], "linear", { absolute: 1e-12 });
  const half = Math.SQRT1_2; // the cosine of an eighth of a turn
  expectClose(along("cosine", 5), [1, 1 + 2 * (1 - half), 3, 1 + 2 * (1 + half), 5], "cosine", { absolute: 1e-12 });
});

test("a sequence of one code has the whole scale", () => {
  for (const schedule of ["constant", "linear", "cosine"] as const) assert.is(scaleAt({ scale: 3, schedule }, 0, 1), 3);
});

test("logits move along the line from those without a class through those with one", () => {
  const [conditional, unconditional] = [Float32Array.of(1, -2, 0.5), Float32Array.of(0, 1, 0.5)];
  const at = (scale: number) => [...guidedLogits(conditional, { unconditional, scale })];
  assert.equal(at(0), [0, 1, 0.5]);
  assert.equal(at(1), [1, -2, 0.5]);
  assert.equal(at(3), [3, -8, 0.5]);
  assert.equal([...conditional, ...unconditional], [1, -2, 0.5, 0, 1, 0.5], "what was given stays");
});

test("a scale below 0 or not finite is refused", () => {
  for (const scale of [-0.5, Number.NaN, Number.POSITIVE_INFINITY])
    expectThrow(() => checkGuidance({ scale, schedule: "constant" }), UsageError, /^guidance: want a number >= 0/);
  checkGuidance({ scale: 0, schedule: "constant" });
});

test.run();
