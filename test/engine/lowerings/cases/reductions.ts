/** Cases of sums, means, extremes and their positions. */
import * as tf from "@tensorflow/tfjs";
import type { Case, CaseGroups, Operand } from "../../support/compareEngines.js";
import { drawFrom, given, repeat, show } from "../../support/drawing.js";

const draw = drawFrom(2, "reductions");

type Axis = number | number[] | undefined;
type Reduction = (x: tf.Tensor, axis: Axis, keepDims: boolean) => tf.Tensor;

/** Cases over random shapes, every kind of axis argument and both kinds of result shape. */
function reduction(
  name: string,
  f: Reduction,
  options: { dtype?: Operand["dtype"]; gradients?: 0 | 1 | 2; value?: () => number; count?: number } = {},
): Case[] {
  const { dtype = "float32", gradients = 1, value, count = 8 } = options;
  return repeat(count, () => {
    const shape = draw.shape();
    const x = draw.chance(0.15)
      ? draw.uniform(shape, dtype)
      : draw.operand(shape, { dtype, ...(value ? { value } : {}) });
    const axis = axisOf(shape.length);
    const keepDims = draw.chance(0.5);
    return {
      name: `${name} of ${dtype} ${show(shape)} ${x.form} of ${show(x.stored)} over ${axis}, keepDims ${keepDims}`,
      operands: [x],
      f: (tensor: tf.Tensor) => f(tensor, axis, keepDims),
      gradients,
      tolerance: { relative: 3e-5 }, // hundreds of terms
    };
  });
}

function axisOf(rank: number): Axis {
  if (rank === 0 || draw.chance(0.2)) return undefined;
  return draw.chance(0.3) ? draw.integer(-rank, rank - 1) : draw.axes(rank);
}

const few = () => draw.integer(-2, 2) * 0.5; // many equal elements

const floats: Case[] = [
  ...reduction("sum", tf.sum, { gradients: 2, count: 15 }),
  ...reduction("mean", tf.mean, { gradients: 2, count: 15 }),
  ...reduction("mean of squares", (x, axis, keepDims) => tf.mean(tf.square(x), axis, keepDims), { gradients: 2 }),
  ...reduction("root of the sum of squares", (x, axis, keep) => tf.sqrt(tf.sum(tf.square(x), axis, keep)), {
    gradients: 2,
    value: () => draw.real(0.5, 2),
  }),
  ...reduction("max", tf.max),
  ...reduction("max with ties", tf.max, { value: few }),
  ...reduction("min", tf.min),
  ...reduction("min with ties", tf.min, { value: few }),
  ...reduction("prod", tf.prod, { gradients: 0 }),
  ...reduction("logSumExp", tf.logSumExp),
  ...reduction("variance", (x, axis, keepDims) => tf.moments(x, axis, keepDims).variance, { gradients: 2 }),
];

const others: Case[] = [
  ...reduction("sum", tf.sum, { dtype: "int32" }),
  ...reduction("mean", tf.mean, { dtype: "int32" }),
  ...reduction("max", tf.max, { dtype: "int32" }),
  ...reduction("min", tf.min, { dtype: "int32" }),
  ...reduction("prod", tf.prod, { dtype: "int32", value: () => (draw.chance(0.02) ? 2 : draw.pick([-1, 1])) }),
  ...reduction("sum", tf.sum, { dtype: "bool" }),
  ...reduction("mean", tf.mean, { dtype: "bool" }),
  ...reduction("all", tf.all, { dtype: "bool", value: () => (draw.chance(0.8) ? 1 : 0) }),
  ...reduction("any", tf.any, { dtype: "bool", value: () => (draw.chance(0.2) ? 1 : 0) }),
];

const positions: Case[] = Object.entries({ argMax: tf.argMax, argMin: tf.argMin }).flatMap(([name, f]) =>
  (["float32", "int32"] as const).flatMap((dtype) =>
    repeat(8, (i) => {
      const shape = draw.shape(1, 5);
      const axis = i === 0 ? undefined : draw.integer(-shape.length, shape.length - 1);
      const value = dtype === "float32" ? few : () => draw.integer(-2, 2);
      const x = draw.chance(0.2) ? draw.uniform(shape, dtype) : draw.operand(shape, { dtype, value });
      return {
        name: `${name} of ${dtype} ${show(shape)} over ${axis}`,
        operands: [x],
        f: (a: tf.Tensor) => f(a, axis),
      };
    }),
  ),
);

const edges: Case[] = [
  {
    name: "a sum over a broadcast counts every copy",
    operands: [{ ...given([1.5, -2], [2, 1]), form: "spread", shape: [3, 2, 5] }],
    f: (x) => [tf.sum(x), tf.sum(x, 0), tf.sum(x, [0, 2]), tf.mean(x, -1), tf.max(x, 1), tf.prod(x, 2)],
    gradients: 0,
  },
  {
    name: "reductions of one number known while tracing",
    operands: [{ ...given([2, 2, 2, 2, 2, 2], [2, 3]), form: "constant" }],
    f: (x) => [tf.sum(x), tf.mean(x, 0), tf.max(x, 1), tf.min(x), tf.prod(x, 1), tf.sum(x, []), tf.argMax(x, 1)],
  },
  {
    name: "a sum of many numbers",
    operands: [draw.operand([40_000], { form: "input", value: () => draw.real(0, 1) })],
    f: (x) => [tf.sum(x), tf.mean(x)],
    tolerance: { relative: 1e-5 },
  },
];

const MANY_ROWS: readonly (readonly [leading: number[], kept: number[]])[] = [
  [[64], [32]],
  [[67], [40]],
  [[96], [33]],
  [[16, 6], [32]],
  [[3, 40], [32]],
  [[80, 2], [32]],
  [[2, 4, 16], [32]],
  [[70], [4, 8]],
];

const rows: Case[] = MANY_ROWS.map(([leading, kept]) => {
  const axes = draw.shuffled(leading.map((_, axis) => axis));
  return {
    name: `sum of the rows of ${show([...leading, ...kept])} over ${axes}`,
    operands: [draw.operand([...leading, ...kept], { form: "input" })],
    f: (a: tf.Tensor) => [tf.sum(a, axes), tf.sum(a, axes, true)],
    tolerance: { absolute: 1e-4, relative: 3e-5 },
  };
});

export const cases: CaseGroups = {
  "sums of many rows agree, whatever they are divided by": rows,
  "float reductions agree over random shapes and axes": floats,
  "integer and boolean reductions agree in value and type": others,
  "the first of equal extremes is found": positions,
  "constants and broadcasts reduce to the same numbers": edges,
};
