import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import "../../lib/engine/lowerings/index.js";
import { trace } from "../../lib/engine/traceBackend.js";
import type { Step } from "../../lib/engine/types.js";
import { leakyRelu } from "../../lib/nn/leakyRelu.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { drawFrom, given } from "../engine/support/drawing.js";
import { expectClose } from "../support.js";
import { numbersOf, onCpu, valuesOf } from "./support/eager.js";

const test = suite("nn/leakyRelu");

const xs = [-3, -0.5, 0, 0.25, 4];

test("positive numbers stay, others are multiplied by the slope", () => {
  const y = valuesOf((x) => leakyRelu(x!, 0.2), { shape: [5], values: xs });
  expectClose(y, [-0.6, -0.1, 0, 0.25, 4], "values", { absolute: 1e-7 });
});

test("the gradient is 1 or the slope, and zero counts as negative", () => {
  const slopes = onCpu(() => numbersOf(tf.grad((x) => leakyRelu(x, 0.2))(tf.tensor1d(xs))));
  expectClose(slopes, [0.2, 0.2, 0.2, 1, 1], "slopes", { absolute: 1e-7 });
});

test("the gradient of |dy/dx|^2 passes through dy, as R1 needs it", () => {
  // y = leaky(w x), dy/dx = w s, d(dy/dx)^2/dw = 2 w s^2 with s the slope at w x.
  const gradient = (w: number, x: number) =>
    onCpu(() =>
      numbersOf(
        tf.grad((weight) => tf.square(tf.grad((value) => leakyRelu(tf.mul(weight, value), 0.2))(tf.scalar(x))))(
          tf.scalar(w),
        ),
      ),
    );
  expectClose(gradient(3, 2), [6], "on the positive side", { absolute: 1e-6 });
  expectClose(gradient(3, -2), [6 * 0.04], "on the negative side", { absolute: 1e-6 });
});

test("of a graph's tensors the result is kept, once for all losses, and slopes are made for each", () => {
  const step: Step = ({ x, target }) => {
    const y = (value: tf.Tensor) => leakyRelu(tf.mul(value, 2), 0.2);
    const by = (loss: (value: tf.Tensor) => tf.Tensor) => tf.grad(loss)(x!);
    return { one: by((v) => tf.mul(y(v), target!)), other: by((v) => tf.square(y(v))) };
  };
  const spec = { dtype: "float32", shape: [6, 5] } as const;
  const { nodes } = trace(step, { name: "two losses", inputs: { x: spec, target: spec } }, "cpu");
  const results = nodes.filter(({ op }) => op === "LeakyRelu").map(({ outputs }) => outputs[0]);
  assert.is(results.length, 1);
  const compared = nodes.filter(({ op }) => op === "Greater").map(({ inputs }) => inputs[0]);
  assert.equal(compared, [results[0], results[0]]);
});

test("graph and JavaScript agree, second gradients included", () => {
  const draw = drawFrom(1, "leaky");
  return compareEngines("leakyRelu", [
    { name: "zero", operands: [given(xs)], f: (x) => leakyRelu(x!, 0.1), gradients: 2 },
    {
      name: "product",
      operands: [draw.operand([3, 4]), draw.operand([4])],
      f: (x, w) => leakyRelu(tf.mul(x!, w!), 0.2),
      gradients: 2,
    },
  ]);
});

test.run();
