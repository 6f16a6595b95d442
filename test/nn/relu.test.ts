import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import "../../lib/engine/lowerings/index.js";
import { trace } from "../../lib/engine/traceBackend.js";
import type { Step } from "../../lib/engine/types.js";
import { valueAndGradients } from "../../lib/nn/gradients.js";
import { relu } from "../../lib/nn/relu.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { given as operand, repeat } from "../engine/support/drawing.js";
import { gradientsOf, valuesOf } from "./support/eager.js";

const test = suite("nn/relu");

const given = (...values: number[]) => ({ shape: [values.length], values });

test("value and gradient, worked by hand; the gradient at 0 is 0", () => {
  const x = given(-2, -0.5, 0, 0.5, 2);
  assert.equal(valuesOf(relu, x), [0, 0, 0, 0.5, 2]);
  assert.equal(gradientsOf(relu, given(3, 4, 5, 6, 7), x), [[0, 0, 0, 6, 7]]);
});

test("what is cut off has gradient 0 even if a gradient that is not finite arrives", () => {
  const shifted = (x: tf.Tensor) => tf.sqrt(relu(x)); // slope 1 / 0 at 0
  assert.equal(gradientsOf(shifted, given(1, 1), given(-1, 0.25)), [[0, 1]]);
});

test("engines agree", async () => {
  await compareEngines(
    "relu",
    repeat(1, () => ({ name: "relu", operands: [operand([-1, 0, 2, 3])], f: relu })),
  );
});

test("the gradient reads the result, so that x is not kept", () => {
  const step: Step = ({ x }) => {
    const { gradients } = valueAndGradients(() => ({ loss: tf.sum(tf.square(relu(x!))) as tf.Scalar }), { x: x! });
    return { gradient: gradients["x"]! };
  };
  const { nodes } = trace(step, { name: "relu", inputs: { x: { dtype: "float32", shape: [4] } } }, "cpu");
  assert.equal(
    nodes.filter(({ inputs }) => inputs.includes("x")).map(({ op }) => op),
    ["Relu"],
  );
});

test.run();
