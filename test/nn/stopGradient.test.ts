import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { valueAndGradients } from "../../lib/nn/gradients.js";
import { stopGradient, withoutGradient } from "../../lib/nn/stopGradient.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { given } from "../engine/support/drawing.js";
import { numbersOf, onCpu } from "./support/eager.js";

const test = suite("nn/stopGradient");

const gradientOf = (f: (x: tf.Tensor) => tf.Tensor, at: number[]) =>
  onCpu(() => {
    const x = tf.tensor1d(at);
    const { gradients } = valueAndGradients(() => ({ loss: tf.sum(f(x)).asScalar() }), { x });
    return numbersOf(gradients["x"]!);
  });

test("the value goes through, no gradient comes back", () => {
  assert.equal(
    onCpu(() => numbersOf(stopGradient(tf.tensor1d([1, -2])))),
    [1, -2],
  );
  assert.equal(gradientOf(stopGradient, [1, -2]), [0, 0]);
});

test("only the stopped path is cut: d/dx x sg(x) = sg(x)", () => {
  assert.equal(
    gradientOf((x) => tf.mul(x, stopGradient(x)), [3, -2]),
    [3, -2],
  );
  assert.equal(
    gradientOf(
      (x) =>
        tf.mul(
          x,
          withoutGradient(() => tf.mul(tf.square(x), 2)),
        ),
      [3, -2],
    ),
    [18, 8],
  );
});

test("straight through: rounded going forward, as if not going back", () => {
  const through = (x: tf.Tensor) => tf.add(x, stopGradient(tf.sub(tf.round(x), x)));
  assert.equal(
    onCpu(() => numbersOf(through(tf.tensor1d([1.2, 2.75])))),
    [1, 3],
  );
  assert.equal(
    gradientOf((x) => tf.square(through(x)), [1.2, 2.75]),
    [2, 6],
  );
});

test("the tape goes on afterwards, also after an error", () => {
  const f = (x: tf.Tensor) => {
    try {
      withoutGradient(() => {
        throw new Error("stop");
      });
    } catch {}
    return tf.square(x);
  };
  assert.equal(gradientOf(f, [3]), [6]);
});

test("graph and JavaScript agree, second gradients included", () =>
  compareEngines("stopGradient", [
    {
      name: "x^2 sg(x)",
      operands: [given([1, -2, 0.5])],
      f: (x) => tf.mul(tf.square(x!), stopGradient(x!)),
      gradients: 2,
    },
    { name: "nothing but sg(x)", operands: [given([1, -2])], f: (x) => stopGradient(x!), gradients: 2 },
  ]));

test.run();
