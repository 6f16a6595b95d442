import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import "../../lib/engine/lowerings/index.js";
import { trace } from "../../lib/engine/traceBackend.js";
import type { Step, TensorSpec } from "../../lib/engine/types.js";
import {
  type AttentionConfig,
  attention,
  attentionSpec,
  causalMask,
  dotProductAttention,
  headWidth,
  splitHeads,
} from "../../lib/nn/attention.js";
import { dropoutScale } from "../../lib/nn/dropout.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { given } from "../engine/support/drawing.js";
import { expectClose } from "../support.js";
import { type Given, gradientsOf, normals, numbersOf, onCpu, tensorOf, valuesOf } from "./support/eager.js";
import { attentionByLoops, centralDifferences, type Heads, inner, multiHeadByLoops } from "./support/loops.js";

const test = suite("nn/attention");

const SHAPE = [2, 3, 4, 2]; // [B, heads, N, d]
const HEADS: Heads = { groups: 6, positions: 4, width: 2 };
const [q, k, v, w] = [1, 2, 3, 4].map((seed) => normals(seed, SHAPE)) as [Given, Given, Given, Given];

for (const causal of [false, true]) {
  const kind = causal ? "causal attention" : "attention";
  const f = (...x: tf.Tensor[]) => dotProductAttention(x[0]!, x[1]!, x[2]!, { heads: 3, causal });
  const loops = (...x: (readonly number[])[]) => attentionByLoops(x[0]!, x[1]!, x[2]!, { ...HEADS, causal });

  test(`${kind} is the softmax of scaled scores times the values`, () => {
    expectClose(valuesOf(f, q, k, v), loops(q.values, k.values, v.values), kind, { absolute: 1e-6 });
  });

  test(`the gradients of ${kind} are those of its definition`, () => {
    const found = gradientsOf(f, w, q, k, v);
    const at = [q.values, k.values, v.values];
    at.forEach((values, which) => {
      const loss = (x: readonly number[]) => inner(loops(...at.map((one, i) => (i === which ? x : one))), w.values);
      expectClose(found[which]!, centralDifferences(loss, values), `${kind}: gradient ${which}`, { relative: 2e-6 });
    });
  });
}

test("dropout on the weights multiplies them by its factors, in the gradients as well", () => {
  const seed = 77;
  const factors = onCpu(() =>
    numbersOf(dropoutScale([2, 3, 4, 4], seed, { threshold: 0.25 * 65536, scale: 1 / 0.75, layer: 5 })),
  );
  assert.ok(factors.includes(0) && factors.some((factor) => factor > 1));
  const dropout = { rate: 0.25, seed: tf.tensor1d([seed], "int32"), layer: 5 };
  const f = (...x: tf.Tensor[]) => dotProductAttention(x[0]!, x[1]!, x[2]!, { heads: 3, causal: true, dropout });
  const loops = (...x: (readonly number[])[]) =>
    attentionByLoops(x[0]!, x[1]!, x[2]!, { ...HEADS, causal: true, factors });
  const at = [q.values, k.values, v.values];
  expectClose(valuesOf(f, q, k, v), loops(...at), "values", { absolute: 1e-6 });
  const found = gradientsOf(f, w, q, k, v);
  at.forEach((values, which) => {
    const loss = (x: readonly number[]) => inner(loops(...at.map((one, i) => (i === which ? x : one))), w.values);
    expectClose(found[which]!, centralDifferences(loss, values), `gradient ${which}`, { relative: 2e-6 });
  });
});

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

test("the mask hides what lies ahead", () => {
  assert.equal(
    onCpu(() => numbersOf(causalMask(3))),
    [0, -1e9, -1e9, 0, 0, -1e9, 0, 0, 0].map(Math.fround),
  );
});

for (const causal of [false, true])
  test(`${causal ? "causal attention" : "attention"} in pieces is that of one piece, in value and gradients`, () => {
    const N = 515; // not a multiple of the number of pieces
    const shape = [1, 2, N, 4];
    const [q, k, v, w] = [11, 12, 13, 14].map((seed) => normals(seed, shape)) as [Given, Given, Given, Given];
    const inPieces = (...x: tf.Tensor[]) => dotProductAttention(x[0]!, x[1]!, x[2]!, { heads: 2, causal });
    const whole = (...x: tf.Tensor[]) => {
      const scores = tf.matMul(tf.div(x[0]!, 2), x[1]!, false, true);
      return tf.matMul(tf.softmax(causal ? tf.add(scores, causalMask(N)) : scores), x[2]!);
    };
    expectClose(valuesOf(inPieces, q, k, v), valuesOf(whole, q, k, v), "values", { absolute: 1e-5 });
    const [got, want] = [gradientsOf(inPieces, w, q, k, v), gradientsOf(whole, w, q, k, v)];
    want.forEach((values, which) => {
      expectClose(got[which]!, values, `gradient ${which}`, { absolute: 1e-5, relative: 1e-5 });
    });
  });

test("in pieces, of the output only the order by position is read, by the gradient as by the map behind the heads", () => {
  const step: Step = ({ x, w }) => {
    const mixed = (q: tf.Tensor) => tf.transpose(dotProductAttention(q, q, q, { heads: 2 }), [0, 2, 1, 3]);
    const loss = (q: tf.Tensor) => tf.sum(tf.square(tf.matMul(tf.reshape(mixed(q), [1, 512, 8]), w!)));
    return { gradient: tf.grad(loss)(x!) };
  };
  const inputs = { x: { dtype: "float32", shape: [1, 2, 512, 4] }, w: { dtype: "float32", shape: [1, 8, 3] } } as const;
  const { nodes } = trace(step, { name: "kept", inputs }, "cpu");
  const outputs = nodes.filter(({ op, inputs: parts }) => op === "Concat" && parts.length === 4);
  const readers = ({ outputs: [made] }: (typeof nodes)[number]) => nodes.filter((node) => node.inputs.includes(made!));
  const forward = outputs.filter((one) => readers(one).every(({ op }) => op === "Transpose"));
  assert.is(forward.length, 1);
  assert.is(readers(forward[0]!).length, 1);
});

test("each piece of causal attention drops weights of its own", () => {
  const [N, d] = [512, 16];
  const even: Given = { shape: [1, 1, N, d], values: new Array<number>(N * d).fill(0) };
  // Equal weights over keys of which the first d show themselves, each in a place of its own.
  const shown: Given = { ...even, values: even.values.map((_, i) => (i % (d + 1) === 0 && i < d * d ? 1 : 0)) };
  const dropout = { rate: 0.5, seed: tf.tensor1d([3], "int32"), layer: 1 };
  const f = (...x: tf.Tensor[]) => dotProductAttention(x[0]!, x[1]!, x[2]!, { heads: 1, causal: true, dropout });
  const outputs = valuesOf(f, even, even, shown);
  const kept = [1, 2, 3].map((piece) => {
    const row = (piece * N) / 4;
    return outputs.slice(row * d, (row + 1) * d).map((value) => value > 0);
  });
  assert.is(new Set(kept.map(String)).size, 3);
});

test("a projection is split into q, k, v, and each into heads", () => {
  // One token of width 4 in two heads: q = 0..3, k = 10..13, v = 20..23.
  const qkv: Given = { shape: [1, 1, 12], values: [0, 1, 2, 3, 10, 11, 12, 13, 20, 21, 22, 23] };
  const parts = onCpu(() =>
    splitHeads(tensorOf(qkv), 2).map((part) => ({ shape: part.shape, values: numbersOf(part) })),
  );
  assert.equal(parts, [
    { shape: [1, 2, 1, 2], values: [0, 1, 2, 3] },
    { shape: [1, 2, 1, 2], values: [10, 11, 12, 13] },
    { shape: [1, 2, 1, 2], values: [20, 21, 22, 23] },
  ]);
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

const perHead: TensorSpec = { dtype: "float32", shape: [1, 2, 8, 4] };
const layers =
  (count: number): Step =>
  ({ q: query }) => ({
    g: tf.grad((a: tf.Tensor) => {
      let x = a;
      for (let i = 0; i < count; i++) x = dotProductAttention(x, tf.mul(x, 2), x, { heads: 2, causal: true });
      return tf.sum(tf.square(x));
    })(query!),
  });

test("the graph computes attention weights anew in the backward pass instead of keeping them", () => {
  const { nodes } = trace(layers(3), { name: "layers", inputs: { q: perHead } }, "cpu");
  assert.is(nodes.filter(({ op }) => op === "Softmax").length, 6);
});

test("the graph holds one causal mask, however many layers use it", () => {
  const { initializers } = trace(layers(3), { name: "layers", inputs: { q: perHead } }, "cpu");
  assert.equal(
    initializers.filter(({ bytes }) => bytes.byteLength >= 8 * 8 * 4).map(({ shape }) => shape),
    [[8, 8]],
  );
});

test("graph and JavaScript agree on causal attention with dropout and its gradients", () =>
  compareEngines("attention", [
    {
      name: "attention",
      operands: [...[q, k, v].map(({ values, shape }) => given(values, shape)), given([-5], [1], "int32")],
      f: (query, key, value, seed) =>
        dotProductAttention(query!, key!, value!, {
          heads: 3,
          causal: true,
          dropout: { rate: 0.3, seed: seed!, layer: 2 },
        }),
    },
  ]));

test("its gradient refuses to be differentiated again", () => {
  const square = (x: tf.Tensor) => tf.sum(tf.square(dotProductAttention(x, x, x, { heads: 3 }))) as tf.Scalar;
  assert.throws(
    () => onCpu(() => tf.grad((x) => tf.sum(tf.grad(square)(x)))(tensorOf(q))),
    /cannot be differentiated again/,
  );
});

test.run();
