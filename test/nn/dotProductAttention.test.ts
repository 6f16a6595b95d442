import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { tellsCacheSize } from "../../lib/engine/machine.js";
import "../../lib/engine/lowerings/index.js";
import type { TraceOptions } from "../../lib/engine/symbols.js";
import { trace } from "../../lib/engine/traceBackend.js";
import type { Step, TensorSpec } from "../../lib/engine/types.js";
import { causalMask } from "../../lib/nn/attentionPieces.js";
import {
  dotProductAttention,
  type SelfAttention,
  selfAttention,
  splitHeads,
} from "../../lib/nn/dotProductAttention.js";
import { dropoutScale } from "../../lib/nn/dropout.js";
import { mapValues } from "../../lib/records.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { given } from "../engine/support/drawing.js";
import { expectClose } from "../support.js";
import { type Given, gradientsOf, normals, numbersOf, onCpu, tensorOf, valuesOf } from "./support/eager.js";
import { attentionByLoops, centralDifferences, type Heads, inner } from "./support/loops.js";

const test = suite("nn/dotProductAttention");

const SHAPE = [2, 3, 4, 2]; // [B, heads, N, d]
const HEADS: Heads = { groups: 6, positions: 4, width: 2 };
const [q, k, v, w] = [1, 2, 3, 4].map((seed) => normals(seed, SHAPE)) as [Given, Given, Given, Given];

for (const causal of [false, true]) {
  const kind = causal ? "causal attention" : "attention";
  const f = (...x: tf.Tensor[]) => dotProductAttention(x[0]!, x[1]!, x[2]!, { causal });
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
  const f = (...x: tf.Tensor[]) => dotProductAttention(x[0]!, x[1]!, x[2]!, { causal: true, dropout });
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
    const inPieces = (...x: tf.Tensor[]) => dotProductAttention(x[0]!, x[1]!, x[2]!, { causal });
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

for (const causal of [false, true])
  test(`${causal ? "causal heads" : "heads"} of one projection are mixed as apart, in value and gradients`, () => {
    const [qkv, w] = [normals(15, [2, 5, 18]), normals(16, [2, 5, 6])];
    const apart = (x: tf.Tensor) => {
      const { query, key, value } = splitHeads(x, 3);
      const mixed = dotProductAttention(query, key, value, { causal });
      return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [2, 5, 6]);
    };
    const together = (x: tf.Tensor) => selfAttention(x, { heads: 3, causal });
    expectClose(valuesOf(together, qkv), valuesOf(apart, qkv), "values", { absolute: 1e-7 });
    expectClose(gradientsOf(together, w, qkv)[0]!, gradientsOf(apart, w, qkv)[0]!, "gradient", { absolute: 1e-6 });
  });

test("on the processor all heads are one kernel, unless they are masked, drop weights or have products of float16", () => {
  const inputs = { qkv: { dtype: "float32", shape: [1, 8, 24] }, seed: { dtype: "int32", shape: [1] } } as const;
  const kernels = (attention: Partial<SelfAttention>, how: TraceOptions, rate?: number) => {
    const step: Step = ({ qkv, seed }) => {
      const dropout = rate === undefined ? {} : { dropout: { rate, seed: seed!, layer: 0 } };
      return { y: selfAttention(qkv!, { heads: 2, ...attention, ...dropout }) };
    };
    const { nodes } = trace(step, { name: "heads", inputs }, how);
    return nodes.filter(({ op }) => op === "MultiHeadAttention" || op === "Softmax").map(({ op }) => op);
  };
  assert.equal(kernels({}, { target: "cpu" }), tellsCacheSize() ? ["MultiHeadAttention"] : ["Softmax"]);
  assert.equal(kernels({ causal: true }, { target: "cpu" }), ["Softmax"]);
  assert.equal(kernels({}, { target: "cpu" }, 0.5), ["Softmax"]);
  assert.equal(kernels({}, { target: "webgpu" }), ["Softmax"]);
  assert.equal(kernels({}, { target: "cpu", precision: "float16" }), ["Softmax"]);
});

test("of the heads' output only the order by position is read, by the gradient as by the map behind the heads", () => {
  const step: Step = ({ x, w }) => {
    const loss = (qkv: tf.Tensor) => tf.sum(tf.square(tf.matMul(selfAttention(qkv, { heads: 2, causal: true }), w!)));
    return { gradient: tf.grad(loss)(x!) };
  };
  const inputs = { x: { dtype: "float32", shape: [1, 512, 24] }, w: { dtype: "float32", shape: [1, 8, 3] } } as const;
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
  const f = (...x: tf.Tensor[]) => dotProductAttention(x[0]!, x[1]!, x[2]!, { causal: true, dropout });
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
    mapValues(splitHeads(tensorOf(qkv), 2), (part) => ({ shape: part.shape, values: numbersOf(part) })),
  );
  assert.equal(parts, {
    query: { shape: [1, 2, 1, 2], values: [0, 1, 2, 3] },
    key: { shape: [1, 2, 1, 2], values: [10, 11, 12, 13] },
    value: { shape: [1, 2, 1, 2], values: [20, 21, 22, 23] },
  });
});

const perHead: TensorSpec = { dtype: "float32", shape: [1, 2, 8, 4] };
const layers =
  (count: number): Step =>
  ({ q: query }) => ({
    g: tf.grad((a: tf.Tensor) => {
      let x = a;
      for (let i = 0; i < count; i++) x = dotProductAttention(x, tf.mul(x, 2), x, { causal: true });
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
          causal: true,
          dropout: { rate: 0.3, seed: seed!, layer: 2 },
        }),
    },
  ]));

test("its gradient refuses to be differentiated again", () => {
  const square = (x: tf.Tensor) => tf.sum(tf.square(dotProductAttention(x, x, x))) as tf.Scalar;
  assert.throws(
    () => onCpu(() => tf.grad((x) => tf.sum(tf.grad(square)(x)))(tensorOf(q))),
    /cannot be differentiated again/,
  );
});

test.run();
