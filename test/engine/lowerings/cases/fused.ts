/** Cases of the operations that have a kernel of their own in the graph and are composed elsewhere. */
import * as tf from "@tensorflow/tfjs";
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
};
