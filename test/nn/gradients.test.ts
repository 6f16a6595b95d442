import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { withBackend } from "../../lib/engine/eager.js";
import { valueAndGradients } from "../../lib/nn/gradients.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { given } from "../engine/support/drawing.js";
import { numbersOf, onCpu } from "./support/eager.js";

const test = suite("nn/gradients");

const scalar = (x: tf.Tensor): tf.Scalar => tf.sum(x).asScalar();

test("value and gradients by name: d/da sum(a^2 b) = 2 a b, d/db = a^2", () => {
  onCpu(() => {
    const params = { a: tf.tensor1d([1, 2]), b: tf.tensor1d([3, -1]) };
    const { loss, gradients } = valueAndGradients(
      () => ({ loss: scalar(tf.mul(tf.square(params.a), params.b)) }),
      params,
    );
    assert.equal(numbersOf(loss), [-1]);
    assert.equal(Object.keys(gradients), ["a", "b"]);
    assert.equal(numbersOf(gradients["a"]!), [6, -4]);
    assert.equal(numbersOf(gradients["b"]!), [1, 4]);
  });
});

test("a parameter the loss does not depend on has a zero gradient of its shape", () => {
  onCpu(() => {
    const params = { used: tf.tensor1d([2]), idle: tf.ones([2, 3]) };
    const { gradients } = valueAndGradients(() => ({ loss: scalar(tf.square(params.used)) }), params);
    assert.equal(numbersOf(gradients["used"]!), [4]);
    assert.equal(gradients["idle"]!.shape, [2, 3]);
    assert.equal(numbersOf(gradients["idle"]!), [0, 0, 0, 0, 0, 0]);
  });
});

test("what the function computed on the way survives it, and is disposed with the scope around", () => {
  withBackend("cpu", () => {
    const a = tf.tensor1d([1, 2]);
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      const { aux } = valueAndGradients(
        () => {
          const squares = tf.square(a);
          return { loss: scalar(squares), aux: { squares, again: squares, count: tf.scalar(2, "int32") } };
        },
        { a },
      );
      assert.equal(numbersOf(aux["squares"]!), [1, 4]);
      assert.equal(numbersOf(aux["again"]!), [1, 4]);
      assert.equal(numbersOf(aux["count"]!), [2]);
    });
    assert.is(tf.memory().numTensors, before);
    a.dispose();
  });
});

test("parameters and kept tensors that are handed out as well stay the caller's", () => {
  withBackend("cpu", () => {
    const [a, kept] = [tf.tensor1d([1, 2]), tf.keep(tf.tensor1d([7]))];
    tf.tidy(() => {
      const { aux } = valueAndGradients(() => ({ loss: scalar(a), aux: { a, kept } }), { a });
      assert.equal(numbersOf(aux["a"]!), [1, 2]);
    });
    assert.not.ok(a.isDisposed);
    assert.not.ok(kept.isDisposed);
    assert.equal(numbersOf(kept), [7]);
    a.dispose();
    kept.dispose();
  });
});

/** Penalty |d/dx sum(w x^3)|^2 / 2 and its gradient by w: (3 x^2 w)(3 x^2). */
function penalty(w: tf.Tensor, x: tf.Tensor) {
  return valueAndGradients(
    () => {
      const inner = valueAndGradients(() => ({ loss: scalar(tf.mul(w, tf.mul(x, tf.square(x)))), aux: { w } }), { x });
      return { loss: scalar(tf.mul(tf.square(inner.gradients["x"]!), 0.5)), aux: { slope: inner.gradients["x"]! } };
    },
    { w },
  );
}

test("gradients may be differentiated again", () => {
  onCpu(() => {
    const { loss, gradients, aux } = penalty(tf.tensor1d([2, -1]), tf.tensor1d([1, 2]));
    assert.equal(numbersOf(aux["slope"]!), [6, -12]);
    assert.equal(numbersOf(loss), [(36 + 144) / 2]);
    assert.equal(numbersOf(gradients["w"]!), [6 * 3, -12 * 12]);
  });
});

test("graph and JavaScript agree on a gradient of gradients with leftovers", () =>
  compareEngines("penalty", [
    {
      name: "penalty",
      operands: [given([2, -1]), given([1, 2])],
      f: (w, x) => {
        const { loss, gradients, aux } = penalty(w!, x!);
        return [loss, gradients["w"]!, aux["slope"]!];
      },
      gradients: 0,
    },
  ]));

test.run();
