import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import "../../lib/engine/lowerings/index.js";
import { trace } from "../../lib/engine/traceBackend.js";
import type { Step, TensorSpec } from "../../lib/engine/types.js";
import { type BlockCache, type BlockConfig, type BlockOptions, block, blockSpec } from "../../lib/nn/block.js";
import { dotProductAttention } from "../../lib/nn/dotProductAttention.js";
import { countParameters, flattenSpecs, paramTree } from "../../lib/nn/params.js";
import { type Case, compareEngines } from "../engine/support/compareEngines.js";
import { given } from "../engine/support/drawing.js";
import { expectClose } from "../support.js";
import { type Given, normals, numbersOf, onCpu, tensorOf, valuesOf } from "./support/eager.js";
import {
  centralDifferences,
  denseByLoops,
  geluByLoops,
  inner,
  layerNormByLoops,
  multiHeadByLoops,
  type Numbers,
  tokenShiftByLoops,
} from "./support/loops.js";

const test = suite("nn/block");

const config: BlockConfig = { dim: 4, heads: 2, mlpDim: 6 };
const BATCH = 2;
const SHAPE = [BATCH, 3, config.dim];
const specs = flattenSpecs(blockSpec(config));
const params: Record<string, Given> = Object.fromEntries(
  Object.entries(specs).map(([name, { shape }], i) => [name, normals(20 + i, shape, 0.6)]),
);
const x = normals(1, SHAPE);

const treeOf = (named: Record<string, tf.Tensor>) => paramTree(blockSpec(config), named);
const tensors = () => Object.fromEntries(Object.entries(params).map(([name, one]) => [name, tensorOf(one)]));

/** The whole block as plain loops. */
function blockByLoops(
  named: Record<string, Numbers>,
  tokens: Numbers,
  activation: (v: number) => number,
  causal: boolean,
) {
  const normed1 = layerNormByLoops(tokens, named["norm1/gain"]!, named["norm1/bias"]!);
  const mix = named["shift/mix"];
  const attended = multiHeadByLoops(mix ? tokenShiftByLoops(normed1, mix, SHAPE[1]!) : normed1, {
    qkvKernel: named["attention/qkv/kernel"]!,
    qkvBias: named["attention/qkv/bias"]!,
    outKernel: named["attention/out/kernel"]!,
    outBias: named["attention/out/bias"]!,
    batch: BATCH,
    heads: config.heads,
    causal,
  });
  const h = tokens.map((value, i) => value + attended[i]!);
  const normed2 = layerNormByLoops(h, named["norm2/gain"]!, named["norm2/bias"]!);
  const hidden = denseByLoops(normed2, named["mlp/up/kernel"]!, named["mlp/up/bias"]!).map(activation);
  const out = denseByLoops(hidden, named["mlp/down/kernel"]!, named["mlp/down/bias"]!);
  return h.map((value, i) => value + out[i]!);
}

const values = Object.fromEntries(Object.entries(params).map(([name, one]) => [name, one.values]));

test("a block adds attention of the normed tokens, then the MLP of the normed sum", () => {
  const got = valuesOf((tokens) => block(treeOf(tensors()), config, tokens, { causal: true }), x);
  expectClose(got, blockByLoops(values, x.values, geluByLoops, true), "gelu block", { absolute: 5e-6 });
});

test("the activation may be tanh, and without causal every position sees every other", () => {
  const tanh: BlockConfig = { ...config, activation: "tanh" };
  const got = valuesOf((tokens) => block(treeOf(tensors()), tanh, tokens), x);
  expectClose(got, blockByLoops(values, x.values, Math.tanh, false), "tanh block", { absolute: 5e-6 });
});

test("the activation may be a squared ReLU, and attention be given shifted tokens", () => {
  const mix = normals(40, [config.dim]);
  const shifted: BlockConfig = { ...config, activation: "squaredRelu", tokenShift: true };
  const named = () => ({ ...tensors(), "shift/mix": tensorOf(mix) });
  const run = (options: BlockOptions) =>
    valuesOf((tokens) => block(paramTree(blockSpec(shifted), named()), shifted, tokens, options), x);
  const squared = (v: number) => Math.max(0, v) ** 2;
  const wanted = blockByLoops({ ...values, "shift/mix": mix.values }, x.values, squared, true);
  expectClose(run({ causal: true }), wanted, "shifted block", { absolute: 5e-6 });
  assert.equal(run({ causal: true, recompute: true }), run({ causal: true }));
  // Tokens mixed with themselves are not shifted.
  const still = blockByLoops(values, x.values, squared, true);
  const cache: BlockCache = { mix: (q, k, v) => dotProductAttention(q, k, v, { causal: true }), before: (u) => u };
  expectClose(run({ cache }), still, "block shifted by nothing", { absolute: 5e-6 });
});

test("its gradients are those of its definition, along random directions", () => {
  const w = normals(2, SHAPE);
  const found = onCpu(() => {
    const named = { ...tensors(), x: tensorOf(x) };
    const loss = (...list: tf.Tensor[]): tf.Scalar => {
      const { x: tokens, ...rest } = Object.fromEntries(Object.keys(named).map((name, i) => [name, list[i]!]));
      return tf.sum(tf.mul(block(treeOf(rest), config, tokens!, { causal: true }), tensorOf(w)));
    };
    return tf.grads(loss)(Object.values(named)).map(numbersOf);
  });
  const all: Record<string, Numbers> = { ...values, x: x.values };
  Object.keys(all).forEach((name, i) => {
    const direction = normals(90 + i, [all[name]!.length]).values;
    const along = ([t]: Numbers) => {
      const { x: tokens, ...rest } = { ...all, [name]: all[name]!.map((value, j) => value + t! * direction[j]!) };
      return inner(blockByLoops(rest, tokens!, geluByLoops, true), w.values);
    };
    expectClose([inner(found[i]!, direction)], centralDifferences(along, [0]), name, {
      absolute: 2e-5,
      relative: 1e-5,
    });
  });
});

test("parameters have the names and sizes of a pre-norm block", () => {
  assert.equal(
    Object.entries(specs).map(([name, { shape, decay }]) => `${name} [${shape}]${decay ? " decays" : ""}`),
    [
      "norm1/gain [4]",
      "norm1/bias [4]",
      "attention/qkv/kernel [4,12] decays",
      "attention/qkv/bias [12]",
      "attention/out/kernel [4,4] decays",
      "attention/out/bias [4]",
      "norm2/gain [4]",
      "norm2/bias [4]",
      "mlp/up/kernel [4,6] decays",
      "mlp/up/bias [6]",
      "mlp/down/kernel [6,4] decays",
      "mlp/down/bias [4]",
    ],
  );
  // 12 D^2 + 13 D in the usual proportions (MLP four times as wide), Transformer arithmetic.
  assert.is(countParameters(flattenSpecs(blockSpec({ dim: 8, heads: 2, mlpDim: 32 }))), 12 * 64 + 13 * 8);
  const normal = flattenSpecs(blockSpec({ ...config, initStd: 0.02 }));
  assert.equal(normal["mlp/up/kernel"]!.init, { kind: "normal", std: 0.02 });
  assert.equal(normal["attention/qkv/kernel"]!.init, { kind: "normal", std: 0.02 });
  assert.is(specs["mlp/up/kernel"]!.init.kind, "xavier");
  const shifted = flattenSpecs(blockSpec({ ...config, tokenShift: true }));
  const more = Object.entries(shifted).filter(([name]) => !specs[name]);
  assert.equal(
    more.map(([name, { shape }]) => [name, shape]),
    [["shift/mix", [4]]],
  );
});

const withSeed = (seed: tf.Tensor, rate: number, index = 0): BlockOptions => ({
  causal: true,
  dropout: { rate, seed, block: index },
});

test("dropout of rate 0 changes nothing; otherwise seed and block index decide", () => {
  const run = (rate: number, seed: number, index: number) =>
    onCpu(() => {
      const options = withSeed(tf.tensor1d([seed], "int32"), rate, index);
      return numbersOf(block(treeOf(tensors()), config, tensorOf(x), options));
    });
  const plain = valuesOf((tokens) => block(treeOf(tensors()), config, tokens, { causal: true }), x);
  assert.equal(run(0, 1, 0), plain);
  const outputs = [plain, run(0.2, 1, 0), run(0.2, 2, 0), run(0.2, 1, 1)].map(String);
  assert.is(new Set(outputs).size, 4);
  assert.is(String(run(0.2, 1, 0)), outputs[1]);
});

test("the four dropouts of a block, and those of other blocks, have masks of their own", () => {
  const layers: number[] = [];
  const { runKernel } = tf.engine();
  tf.registerKernel({
    kernelName: "DropoutScale",
    backendName: "cpu",
    kernelFunc: ({ inputs, attrs }) => {
      layers.push((attrs as unknown as { layer: number }).layer);
      return runKernel.call(tf.engine(), "Identity", { x: inputs["x"]! as tf.Tensor });
    },
  });
  try {
    onCpu(() => {
      const seed = tf.tensor1d([1], "int32");
      for (const index of [0, 1, 5]) block(treeOf(tensors()), config, tensorOf(x), withSeed(seed, 0.1, index));
    });
  } finally {
    tf.unregisterKernel("DropoutScale", "cpu");
  }
  assert.is(layers.length, 12);
  assert.is(new Set(layers).size, 12);
});

test("tokens of another width are refused", () => {
  assert.throws(
    () => onCpu(() => block(treeOf(tensors()), config, tf.zeros([2, 3, 5]))),
    (error: unknown) => error instanceof RangeError && error.message === "block: x: want [*, *, 4], got [2, 3, 5]",
  );
});

/** The block as a case: every parameter and the tokens are operands with gradients. */
function blockCase(name: string, options: (seed: tf.Tensor) => BlockOptions, blockConfig = config): Case {
  const names = Object.keys(params);
  return {
    name,
    operands: [
      ...[...Object.values(params), x].map((one) => given(one.values, one.shape)),
      given([123456789], [1], "int32"),
    ],
    f: (...list) => {
      const named = Object.fromEntries(names.map((key, i) => [key, list[i]!]));
      return block(treeOf(named), blockConfig, list[names.length]!, options(list[names.length + 1]!));
    },
    tolerance: { absolute: 1e-5, relative: 1e-5 },
  };
}

for (const [recompute, dropped, wanted] of [
  [false, false, { LayerNormalization: 4, Gelu: 2, attention: 2 }],
  [false, true, { LayerNormalization: 4, Gelu: 1, attention: 2 }],
  [true, false, { LayerNormalization: 4, Gelu: 2, attention: 3 }],
] as const)
  test(`the gradient makes norms and activations anew, once: ${JSON.stringify({ recompute, dropped })}`, () => {
    const step: Step = ({ x, seed, ...named }) => {
      const options = {
        causal: true,
        recompute,
        ...(dropped ? { dropout: { rate: 0.5, seed: seed!, block: 0 } } : {}),
      };
      const value = (...inputs: tf.Tensor[]) => {
        const tree = treeOf(Object.fromEntries(Object.keys(named).map((name, i) => [name, inputs[i + 1]!])));
        return block(tree, config, inputs[0]!, options);
      };
      const { value: y, grads } = tf.valueAndGrads(value)([x!, ...Object.values(named)], x!);
      return { y, ...Object.fromEntries(grads.map((gradient, i) => [`gradient ${i}`, gradient])) };
    };
    const float = (shape: readonly number[]): TensorSpec => ({ dtype: "float32", shape });
    const inputs = {
      x: float(SHAPE),
      ...Object.fromEntries(Object.entries(specs).map(([n, s]) => [n, float(s.shape)])),
    };
    const seed: Record<string, TensorSpec> = dropped ? { seed: { dtype: "int32", shape: [1] } } : {};
    const { nodes } = trace(step, { name: "block", inputs: { ...inputs, ...seed } }, "cpu");
    // Going forward heads are one kernel where nothing is dropped, and a machine has it.
    const attention = ["Softmax", "MultiHeadAttention"];
    const count = (name: string) =>
      nodes.filter(({ op }) => (name === "attention" ? attention.includes(op) : op === name)).length;
    assert.equal(Object.fromEntries(Object.keys(wanted).map((op) => [op, count(op)])), wanted);
  });

test("graph and JavaScript agree on a causal block with dropout, its values and all its gradients", () =>
  compareEngines("block", [
    blockCase("causal with dropout", (seed) => withSeed(seed, 0.25, 3)),
    blockCase("plain", () => ({})),
    blockCase("tanh", () => ({ causal: true }), { ...config, activation: "tanh" }),
    blockCase("squared", () => ({ causal: true }), { ...config, activation: "squaredRelu" }),
  ]));

test.run();
