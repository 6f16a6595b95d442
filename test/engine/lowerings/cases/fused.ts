/** Cases of the operations that have a kernel of their own in the graph and are composed elsewhere. */
import * as tf from "@tensorflow/tfjs";
import { cachedAttention } from "../../../../lib/nn/cachedAttention.js";
import { type SelfAttention, selfAttention } from "../../../../lib/nn/dotProductAttention.js";
import { dropout } from "../../../../lib/nn/dropout.js";
import { gelu } from "../../../../lib/nn/gelu.js";
import { layerNorm } from "../../../../lib/nn/layerNorm.js";
import { productLess } from "../../../../lib/nn/productLess.js";
import type { Case, CaseGroups, Operand } from "../../support/compareEngines.js";
import { drawFrom, given, repeat, show } from "../../support/drawing.js";

const draw = drawFrom(6, "fused");

const softmaxes: Case[] = [
  ...repeat(10, () => {
    const x = draw.operand(draw.shape(1, 5));
    return {
      name: `softmax ${show(x.shape)} ${x.form}`,
      operands: [x],
      f: (a: tf.Tensor) => tf.softmax(a),
      gradients: 2 as const,
    };
  }),
  ...repeat(6, () => {
    const x = draw.operand(draw.shape(1, 4));
    const axis = draw.pick([-1, x.shape.length - 1]);
    return { name: `logSoftmax ${show(x.shape)} ${axis}`, operands: [x], f: (a: tf.Tensor) => tf.logSoftmax(a, axis) };
  }),
  {
    name: "softmax of large and of masked logits",
    operands: [given([1000, 999, -1000, 5, -1e9, 5, -1e9, 3, 4], [3, 3])],
    f: (x) => [tf.softmax(x!), tf.logSoftmax(x!)],
  },
];

const heads: Case[] = (
  [
    ["of one row", [2, 1, 12], { heads: 2 }],
    ["of few rows", [3, 5, 18], { heads: 3 }],
    ["of one head", [1, 33, 24], { heads: 1 }],
    ["over more rows than go into a block", [2, 200, 24], { heads: 2 }],
    ["over pieces", [1, 514, 12], { heads: 2 }],
    ["that look back only", [2, 7, 12], { heads: 2, causal: true }],
  ] as const satisfies readonly (readonly [string, readonly number[], SelfAttention])[]
).flatMap(([name, shape, attention]) =>
  [1, 6].map((size) => ({
    name: `heads ${name}, scores about ${size ** 2}`,
    operands: [draw.operand([...shape], { form: "input", value: () => size * draw.normal() })],
    f: (qkv: tf.Tensor) => selfAttention(qkv, attention),
    tolerance: { absolute: 3e-5 * size ** 2, relative: 3e-5 },
  })),
);

const norms: Case[] = repeat(12, (i) => {
  const width = draw.integer(4, 10);
  const shape = [...draw.shape(1, 3), width];
  const value = () => 3 + 2 * draw.normal();
  const row: Operand = { ...draw.operand([width], { form: "input", value }), form: "spread", shape };
  const operands = [
    i % 4 === 3 ? row : draw.operand(shape, { form: "input", value }),
    draw.operand([width], { form: draw.pick(["input", "constant"]) }),
    draw.operand([width]),
  ];
  return {
    name: `layerNorm ${operands.map(({ shape: s, form }) => `${show(s)} ${form}`).join(" ")}`,
    operands,
    f: (x, gain, bias) => layerNorm({ gain: gain!, bias: bias! }, x!),
    tolerance: { absolute: 3e-5, relative: 3e-5 },
  };
});

const gelus: Case[] = [
  ...repeat(6, () => {
    const x = draw.operand(draw.shape(), { value: () => draw.real(-5, 5) });
    return {
      name: `gelu ${show(x.shape)} ${x.form}`,
      operands: [x],
      f: (a: tf.Tensor) => gelu(a),
      gradients: 2 as const,
    };
  }),
  { name: "gelu far out", operands: [given([-50, -8, -3, 0, 3, 8, 50])], f: (x) => gelu(x!), gradients: 2 },
];

const dropouts: Case[] = repeat(12, (i) => {
  const x = draw.operand(draw.shape(1, 4), { form: draw.pick(["input", "spread"]) });
  const seed = given([draw.integer(-(2 ** 31), 2 ** 31 - 1)], [1], "int32");
  const rate = draw.pick([0, 0.1, 0.5, 0.9]);
  return {
    name: `dropout ${rate} of ${show(x.shape)} ${x.form}, layer ${i}`,
    operands: [x, seed],
    f: (a, s) => tf.square(dropout(a!, { rate, seed: s! }, i)),
  };
});

/** Gradients are not asked for: sampling has none. */
const cached: Case[] = repeat(8, () => {
  const [B, heads, d] = [draw.integer(1, 3), draw.integer(1, 3), draw.integer(1, 4)];
  const row = [B, heads, 1, d];
  const room = draw.integer(1, 5);
  const filled = draw.integer(0, room);
  const past = [B, heads, room, d];
  const operands = [row, row, row, past, past].map((shape) => draw.operand(shape));
  const mask = given(Array.from({ length: room }, (_, t) => (t < filled ? 0 : Number.NEGATIVE_INFINITY)));
  return {
    name: `cachedAttention ${show(row)} over ${filled} of ${show(past)}`,
    operands: [...operands, mask],
    f: (q, k, v, cacheK, cacheV, m) => cachedAttention(q!, k!, v!, { cache: { k: cacheK!, v: cacheV! }, mask: m! }),
    gradients: 0,
  };
});

/** Gradients are not asked for: it is part of one. */
const lessRows: Case[] = repeat(8, (i) => {
  const batch = draw.shape(0, 2);
  const [M, N, d] = [draw.integer(1, 5), i % 2 === 0 ? draw.integer(1, 5) : draw.integer(256, 300), draw.integer(1, 9)];
  const [a, b, c] = [
    [M, d],
    [N, d],
    [M, 1],
  ].map((matrix, which) => draw.operand([...batch, ...matrix], which === 0 ? { form: "input" } : {}));
  return {
    name: `${show(a!.shape)} times ${show(b!.shape)} less ${show(c!.shape)} ${c!.form}`,
    operands: [a!, b!, c!],
    f: (...x: tf.Tensor[]) => productLess(x[0]!, x[1]!, x[2]!),
    gradients: 0 as const,
    tolerance: { absolute: 1e-5, relative: 1e-5 },
  };
});

export const cases: CaseGroups = {
  "a product less a number a row agrees, of short rows and of long": lessRows,
  "softmax and log-softmax agree, also of large logits": softmaxes,
  "layer norm agrees with its composition": norms,
  "GELU agrees with its composition": gelus,
  "attention of heads side by side agrees with its composition": heads,
  "attention over a cache agrees with its composition": cached,
  "dropout drops the same elements in the graph as in JavaScript": dropouts,
};
