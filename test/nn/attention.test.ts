import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type AttentionConfig, attention, attentionSpec, headWidth } from "../../lib/nn/attention.js";
import { expectClose } from "../support.js";
import { normals, tensorOf, valuesOf } from "./support/eager.js";
import { multiHeadByLoops } from "./support/loops.js";

const test = suite("nn/attention");

const D = 6;
const params = {
  qkv: { kernel: normals(5, [D, 3 * D], 0.5), bias: normals(6, [3 * D]) },
  out: { kernel: normals(7, [D, D], 0.5), bias: normals(8, [D]) },
};
const tensors = () => ({
  qkv: { kernel: tensorOf(params.qkv.kernel), bias: tensorOf(params.qkv.bias) },
  out: { kernel: tensorOf(params.out.kernel), bias: tensorOf(params.out.bias) },
});

test("multi-head attention projects, mixes head by head and projects again", () => {
  const x = normals(9, [2, 5, D]);
  const got = valuesOf((tokens) => attention(tensors(), tokens, { heads: 3, causal: true }), x);
  const wanted = multiHeadByLoops(x.values, {
    qkvKernel: params.qkv.kernel.values,
    qkvBias: params.qkv.bias.values,
    outKernel: params.out.kernel.values,
    outBias: params.out.bias.values,
    batch: 2,
    heads: 3,
    causal: true,
  });
  expectClose(got, wanted, "tokens", { absolute: 3e-6 });
});

test("changing a position changes causal outputs from there on, and none before", () => {
  const N = 5;
  const f = (x: tf.Tensor) => attention(tensors(), x, { heads: 2, causal: true });
  const x = normals(10, [1, N, D]);
  const before = valuesOf(f, x);
  for (let t = 0; t < N; t++) {
    const edited = { ...x, values: x.values.map((value, i) => (Math.floor(i / D) === t ? value + 1 : value)) };
    const after = valuesOf(f, edited);
    const changed = after.map((value, i) => (value === before[i] ? -1 : Math.floor(i / D))).filter((row) => row >= 0);
    assert.is(Math.min(...changed), t);
    assert.is(new Set(changed).size, N - t, "every later position sees the change");
  }
});

test("another way of mixing takes the place of attention and gets q, k and v", () => {
  const x = normals(11, [1, 2, D]);
  const mixed = valuesOf((tokens) => attention(tensors(), tokens, { heads: 3, mix: (_, __, value) => value }), x);
  const wanted = valuesOf((tokens) => {
    const values = tf.slice(tf.add(tf.matMul(tf.reshape(tokens, [2, D]), tensors().qkv.kernel), tensors().qkv.bias), [
      0,
      2 * D,
    ]);
    return tf.add(tf.matMul(values, tensors().out.kernel), tensors().out.bias);
  }, x);
  expectClose(mixed, wanted, "projected values", { absolute: 2e-6 });
});

test("weights and biases are stated with their shapes", () => {
  const { qkv, out } = attentionSpec({ dim: 6, heads: 3 });
  assert.equal(
    [qkv.kernel, qkv.bias!, out!.kernel, out!.bias!].map(({ shape }) => shape),
    [[6, 18], [18], [6, 6], [6]],
  );
});

test("heads may be of any width, queries, keys and values without bias", () => {
  const config: AttentionConfig = { dim: 6, heads: 2, headDim: 5, qkvBias: false };
  const { qkv, out } = attentionSpec(config);
  assert.equal([qkv.kernel.shape, qkv.bias, out!.kernel.shape, out!.bias!.shape], [[6, 30], undefined, [10, 6], [6]]);
  assert.equal([headWidth(config), headWidth({ dim: 6, heads: 2 })], [5, 3]);
  const [qkvKernel, outKernel, outBias] = [normals(12, [6, 30], 0.5), normals(13, [10, 6], 0.5), normals(14, [6])];
  const x = normals(9, [2, 5, 6]);
  const got = valuesOf((tokens) => {
    const params = {
      qkv: { kernel: tensorOf(qkvKernel) },
      out: { kernel: tensorOf(outKernel), bias: tensorOf(outBias) },
    };
    return attention(params, tokens, { heads: 2 });
  }, x);
  const wanted = multiHeadByLoops(x.values, {
    qkvKernel: qkvKernel.values,
    qkvBias: new Array<number>(30).fill(0),
    outKernel: outKernel.values,
    outBias: outBias.values,
    batch: 2,
    heads: 2,
  });
  expectClose(got, wanted, "tokens", { absolute: 5e-6 });
});

test("without an output map the heads' outputs are the result, if they fit", () => {
  const { out } = attentionSpec({ dim: 6, heads: 2, outProjection: false });
  assert.is(out, undefined);
  const x = normals(9, [1, 4, D]);
  const identity = tf.eye(D).dataSync();
  const wanted = multiHeadByLoops(x.values, {
    qkvKernel: params.qkv.kernel.values,
    qkvBias: params.qkv.bias.values,
    outKernel: [...identity],
    outBias: new Array<number>(D).fill(0),
    batch: 1,
    heads: 2,
  });
  const got = valuesOf((tokens) => attention({ qkv: tensors().qkv }, tokens, { heads: 2 }), x);
  expectClose(got, wanted, "joined heads", { absolute: 3e-6 });
  assert.throws(
    () => attentionSpec({ dim: 6, heads: 2, headDim: 5, outProjection: false }),
    (error: unknown) => error instanceof RangeError && /without an output map.*width 6, got 10/.test(error.message),
  );
});

test.run();
