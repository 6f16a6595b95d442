import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { customGradient } from "../../lib/nn/customGradient.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { given } from "../engine/support/drawing.js";
import { numbersOf, onCpu } from "./support/eager.js";

const test = suite("nn/customGradient");

/** x y, whose gradients are told apart from the true ones by factors 10 and 100. */
const product = (x: tf.Tensor, y: tf.Tensor): tf.Tensor =>
  customGradient<[tf.Tensor, tf.Tensor]>(
    {
      forward: (a, b) => ({ value: tf.mul(a, b), saved: [a, b] }),
      backward: (dy, [a, b]) => [tf.mul(tf.mul(dy, b!), 10), tf.mul(tf.mul(dy, a!), 100)],
    },
    x,
    y,
  );

/** exp(x), whose gradient is made of the saved result. */
const exponential = (x: tf.Tensor): tf.Tensor =>
  customGradient<[tf.Tensor]>(
    {
      forward: (a) => {
        const value = tf.exp(a);
        return { value, saved: [value] };
      },
      backward: (dy, [value]) => [tf.mul(dy, value!)],
    },
    x,
  );

test("the value is that of forward, the gradients are those of backward, in the order of the inputs", () => {
  onCpu(() => {
    const [x, y, w] = [tf.tensor1d([1, 2]), tf.tensor1d([3, 5]), tf.tensor1d([1, -1])];
    assert.equal(numbersOf(product(x, y)), [3, 10]);
    const [dx, dy] = tf.grads((a, b) => tf.sum(tf.mul(product(a, b), w)))([x, y]);
    assert.equal(numbersOf(dx!), [30, -50]);
    assert.equal(numbersOf(dy!), [100, -200]);
  });
});

test("backward gets what forward saved, results among it", () => {
  onCpu(() => {
    const gradient = tf.grad((x) => tf.sum(exponential(x)))(tf.tensor1d([0, 1]));
    assert.equal(numbersOf(gradient), [1, Math.fround(Math.E)]);
  });
});

test("a gradient that uses inputs alone can be differentiated again", () => {
  onCpu(() => {
    const first = tf.grad((x) => tf.sum(product(x, x))); // 10 x + 100 x
    assert.equal(numbersOf(tf.grad((x) => tf.sum(tf.mul(first(x), x)))(tf.tensor1d([1, 2]))), [220, 440]);
  });
});

test("a gradient that uses saved results refuses to be differentiated again", () => {
  const second = () => onCpu(() => tf.grad((x) => tf.sum(tf.grad((y) => tf.sum(exponential(y)))(x)))(tf.tensor1d([1])));
  assert.throws(second, /keeps intermediate results cannot be differentiated again/);
});

test("graph and JavaScript agree", () =>
  compareEngines("custom gradients", [
    {
      name: "product",
      operands: [given([1, 2, 3]), given([-1, 0.5, 2])],
      f: (x, y) => product(x!, tf.sin(y!)),
      gradients: 2,
    },
    { name: "exponential", operands: [given([1, -2, 0.5])], f: (x) => exponential(tf.square(x!)) },
  ]));

test.run();
