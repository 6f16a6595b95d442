import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import "../../../lib/engine/lowerings/index.js";
import { trace } from "../../../lib/engine/traceBackend.js";
import type { Step } from "../../../lib/engine/types.js";
import { conv2d } from "../../../lib/nn/conv2d.js";
import { leakyRelu } from "../../../lib/nn/leakyRelu.js";

const test = suite("layout of images");

const IMAGES = { dtype: "float32", shape: [2, 8, 8, 4] } as const;
const KERNEL = { dtype: "float32", shape: [3, 3, 4, 4] } as const;
const BIAS = { dtype: "float32", shape: [4] } as const;

/** Orders of axes of the transpositions in the graph that move images, not filters. */
function imageTranspositions(step: Step): string[] {
  const inputs = { x: IMAGES, kernel: KERNEL, bias: BIAS };
  const { nodes } = trace(step, { name: "layout", inputs }, "cpu");
  const orders = nodes.filter(({ op }) => op === "Transpose").map(({ attributes }) => String(attributes["perm"]));
  return orders.filter((order) => order === "0,3,1,2" || order === "0,2,3,1");
}

function residual(x: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor): tf.Tensor {
  return tf.add(x, leakyRelu(conv2d({ kernel, bias }, x), 0.2));
}

test("a chain of convolutions with biases, activations and residuals is turned only at its ends", () => {
  const chain: Step = ({ x, kernel, bias }) => {
    let y = x!;
    for (let i = 0; i < 4; i++) y = residual(y, kernel!, bias!);
    return { y };
  };
  assert.equal(imageTranspositions(chain).sort(), ["0,2,3,1", "0,3,1,2"]);
});

test("sums over pixels and flattening by channels need no turning back", () => {
  const sums: Step = ({ x, kernel, bias }) => {
    const y = residual(x!, kernel!, bias!);
    const flat = tf.reshape(tf.transpose(y, [0, 3, 1, 2]), [2, -1]);
    return { flat, all: tf.sum(y), channels: tf.mean(y, [0, 1, 2]), perImage: tf.max(y, [1, 2]) };
  };
  assert.equal(imageTranspositions(sums), ["0,3,1,2"]);
});

test("images that no convolution made are left in their order", () => {
  const plain: Step = ({ x, bias }) => ({ y: tf.mul(tf.add(x!, bias!), tf.mean(x!, [1, 2], true)) });
  assert.equal(imageTranspositions(plain), []);
});

test("a copy in the other order is made once, however many ask for it", () => {
  const asked: Step = ({ x, kernel, bias }) => {
    const y = residual(x!, kernel!, bias!);
    return { rows: tf.reshape(y, [128, 4]), parts: tf.slice(y, [0, 1, 1, 0], [2, 2, 2, 4]), whole: y };
  };
  assert.equal(imageTranspositions(asked).sort(), ["0,2,3,1", "0,3,1,2"]);
});

test("booleans are turned and reshaped as integers for WebGPU, which does no more than compare them", () => {
  const masked: Step = ({ x, kernel, bias }) => {
    const before = tf.logicalAnd(tf.greater(x!, 0), tf.less(x!, 1));
    const y = residual(x!, kernel!, bias!);
    const after = tf.greater(y, 0);
    return { y: tf.where(before, y, tf.zerosLike(y)), rows: tf.cast(tf.reshape(after, [128, 4]), "int32") };
  };
  const inputs = { x: IMAGES, kernel: KERNEL, bias: BIAS };
  const moving = (target: "cpu" | "webgpu") => {
    const { nodes, intermediates } = trace(masked, { name: "layout", inputs }, target);
    const booleans = intermediates.filter(({ type }) => type === "bool").map(({ name }) => name);
    const moves = nodes.filter(({ op, outputs }) => /Transpose|Reshape/.test(op) && booleans.includes(outputs[0]!));
    return moves.map(({ op }) => op).sort();
  };
  assert.equal(moving("webgpu"), []);
  assert.equal(moving("cpu"), ["Reshape", "Transpose", "Transpose"]);
});

test.run();
