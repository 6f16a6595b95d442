/** The judge judged: functions that differ between the engines must be found out. */
import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import { TRACE_BACKEND } from "../../../lib/engine/traceBackend.js";
import { customGradient } from "../../../lib/nn/customGradient.js";
import { expectRejection } from "../../support.js";
import { type Case, compareEngines } from "./compareEngines.js";
import { given } from "./drawing.js";

const test = suite("support/compareEngines");

const traced = (): boolean => tf.getBackend() === TRACE_BACKEND;

/** x^2 with `slope(x)` in place of 2 x. */
const square = (x: tf.Tensor, slope: (x: tf.Tensor) => tf.Tensor): tf.Tensor =>
  customGradient<[tf.Tensor]>(
    {
      forward: (a) => ({ value: tf.square(a), saved: [a] }),
      backward: (dy, [a]) => [tf.mul(dy, slope(a!))],
    },
    x,
  );

/** 2 x with a gradient of `factor` instead of 2. */
const doubled = (x: tf.Tensor, factor: number): tf.Tensor =>
  customGradient<[tf.Tensor]>(
    { forward: (a) => ({ value: tf.mul(a, 2), saved: [] }), backward: (dy) => [tf.mul(dy, factor)] },
    x,
  );

const DIFFERENCES: Readonly<Record<string, { f: (x: tf.Tensor) => tf.Tensor; message: RegExp }>> = {
  "a value": { f: (x) => tf.mul(x, traced() ? 1.001 : 1), message: /y0 float32 \[2\]: at 1 of 2/ },
  "an integer by one": {
    f: (x) => tf.add(tf.cast(tf.mul(x, 1e6), "int32"), tf.scalar(traced() ? 1 : 0, "int32")),
    message: /y0 int32 \[2\]: at/,
  },
  "a type": { f: (x) => (traced() ? tf.cast(x, "int32") : x), message: /names, types and traced shapes/ },
  "a shape": { f: (x) => (traced() ? tf.reshape(x, [2, 1]) : x), message: /names, types and traced shapes/ },
  "a gradient": { f: (x) => square(x, (a) => tf.mul(a, traced() ? 2.001 : 2)), message: /: g0: at/ },
  "a gradient of a gradient": {
    f: (x) => square(x, (a) => doubled(a, traced() ? 2.001 : 2)),
    message: /: h0: at/,
  },
};

for (const [what, { f, message }] of Object.entries(DIFFERENCES))
  test(`${what} that differs is found, and the case named`, async () => {
    const fine: Case = { name: "fine", operands: [given([3, 4])], f: (x) => tf.square(x), gradients: 2 };
    const wrong: Case = { name: "wrong", operands: [given([1, 2])], f, gradients: 2 };
    await expectRejection(compareEngines("both", [fine, wrong]), Error, message, /^wrong: /);
  });

test("a case that does not compile is named", async () => {
  const fine: Case = { name: "fine", operands: [given([3, 4])], f: (x) => tf.square(x) };
  const unknown: Case = { name: "unknown kernel", operands: [given([1, 2])], f: (x) => tf.cumprod(x), gradients: 0 };
  await expectRejection(compareEngines("both", [fine, unknown]), Error, /^unknown kernel: .*Cumprod/);
});

test.run();
