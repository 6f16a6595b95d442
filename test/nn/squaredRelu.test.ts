import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import "../../lib/engine/lowerings/index.js";
import { trace } from "../../lib/engine/traceBackend.js";
import type { Step } from "../../lib/engine/types.js";
import { valueAndGradients } from "../../lib/nn/gradients.js";
import { squaredRelu } from "../../lib/nn/squaredRelu.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { given as operand } from "../engine/support/drawing.js";
import { gradientsOf, valuesOf } from "./support/eager.js";

const test = suite("nn/squaredRelu");

const given = (...values: number[]) => ({ shape: [values.length], values });

test("value and gradient, worked by hand", () => {
  const x = given(-2, -0.5, 0, 0.5, 3);
  assert.equal(valuesOf(squaredRelu, x), [0, 0, 0, 0.25, 9]);
  assert.equal(gradientsOf(squaredRelu, given(3, 4, 5, 6, 7), x), [[0, 0, 0, 6, 42]]);
});

test("engines agree", () =>
  compareEngines("squaredRelu", [{ name: "squared", operands: [operand([-1, 0, 2, 3])], f: squaredRelu }]));

test("the gradient reads what was cut off, so that x is not kept", () => {
  const step: Step = ({ x }) => {
    const { gradients } = valueAndGradients(() => ({ loss: tf.sum(squaredRelu(x!)) as tf.Scalar }), { x: x! });
    return { gradient: gradients["x"]! };
  };
  const { nodes } = trace(step, { name: "squared", inputs: { x: { dtype: "float32", shape: [4] } } }, "cpu");
  assert.equal(
    nodes.filter(({ inputs }) => inputs.includes("x")).map(({ op }) => op),
    ["Relu"],
  );
});

test.run();
