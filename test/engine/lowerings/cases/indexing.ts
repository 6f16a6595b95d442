/** Cases of lookup by index, its gradient, and one-hot vectors. */
import * as tf from "@tensorflow/tfjs";
import type { Case, CaseGroups } from "../../support/compareEngines.js";
import { drawFrom, given, repeat, show } from "../../support/drawing.js";

const draw = drawFrom(5, "indexing");

const indices = (shape: readonly number[], below: number) =>
  draw.operand(shape, { dtype: "int32", value: () => draw.integer(0, below - 1) });

const gathers: Case[] = repeat(24, (i) => {
  const shape = draw.shape(1, 4);
  const axis = draw.integer(0, shape.length - 1);
  const where = indices(draw.shape(0, 2), shape[axis]!);
  const signed = draw.chance(0.6) ? axis : axis - shape.length;
  const x =
    i % 6 === 5 ? draw.operand(shape, { dtype: "int32" }) : i % 6 === 4 ? draw.uniform(shape) : draw.operand(shape);
  return {
    name: `gather ${show(shape)} ${x.form} at ${show(where.shape)} ${where.form} along ${signed}`,
    operands: [x, where],
    f: (table, at) => tf.gather(table!, at!, signed),
    gradients: 2,
  };
});

const lookups: Case[] = [
  {
    name: "rows looked up several times",
    operands: [draw.operand([4, 3], { form: "input" }), given([2, 2, 0, 2, 3, 0], [2, 3], "int32")],
    f: (table, at) => tf.square(tf.gather(table!, at!)),
    gradients: 2,
  },
  {
    name: "rows of a table with more rows than one-hot vectors are made for",
    operands: [draw.operand([1030, 2], { form: "input" }), given([1029, 0, 5, 1029, 1024], [5], "int32")],
    f: (table, at) => tf.square(tf.gather(table!, at!)),
    gradients: 2,
  },
  {
    name: "positions looked up in a constant",
    operands: [{ ...given([1, 2, 3, 4, 5, 6], [3, 2]), form: "constant" }, given([2, 0, 1, 1], [4], "int32")],
    f: (table, at) => tf.gather(table!, at!),
  },
];

const oneHots: Case[] = [
  ...repeat(12, () => {
    const depth = draw.integer(2, 6);
    const where = indices(draw.shape(0, 3), depth);
    const dtype = draw.pick(["float32", "int32", "bool"] as const);
    const [on, off] =
      dtype === "bool"
        ? [1, 0]
        : draw.pick([
            [1, 0],
            [5, -2],
          ] as const);
    return {
      name: `oneHot ${show(where.shape)} ${where.form} of ${depth}, ${dtype} ${on} ${off}`,
      operands: [where],
      f: (at: tf.Tensor) => tf.oneHot(at, depth, on, off, dtype),
    };
  }),
  {
    name: "oneHot leaves out what is beyond its depth",
    operands: [given([0, 3, 2, 7], [4], "int32")],
    f: (at) => tf.oneHot(at!, 3),
  },
];

/** Segment sums of `segments` rows: below and above the number up to which one-hot vectors are made. */
const segmentSums = (segments: number, count: number): Case[] =>
  repeat(count, (i) => {
    const rows = draw.integer(1, 8);
    const shape = [rows, ...draw.shape(0, 3)];
    const operands = [
      i % 5 === 4 ? draw.operand(shape, { dtype: "int32" }) : i % 5 === 3 ? draw.uniform(shape) : draw.operand(shape),
      indices([rows], segments),
    ];
    return {
      name: `unsortedSegmentSum ${operands.map(({ dtype, shape: s, form }) => `${dtype} ${show(s)} ${form}`).join(" by ")}`,
      operands,
      f: (x: tf.Tensor, ids: tf.Tensor) => tf.unsortedSegmentSum(x, ids as tf.Tensor1D, segments),
      gradients: 2,
    };
  });

export const cases: CaseGroups = {
  "gathers agree along every axis": gathers,
  "lookups with repeated rows agree, and so do their gradients": lookups,
  "one-hot vectors agree in every type": oneHots,
  "segment sums agree below the one-hot limit": segmentSums(6, 15),
  "segment sums agree above the one-hot limit": segmentSums(1500, 5),
};
