/** Cases of matrix products. */
import * as tf from "@tensorflow/tfjs";
import type { Case, CaseGroups, Operand } from "../../support/compareEngines.js";
import { drawFrom, repeat, show } from "../../support/drawing.js";

const draw = drawFrom(3, "matmul");

type Layout = { readonly transposeA: boolean; readonly transposeB: boolean };

const LAYOUTS: readonly Layout[] = [false, true].flatMap((transposeA) =>
  [false, true].map((transposeB) => ({ transposeA, transposeB })),
);

function product(
  batchA: readonly number[],
  batchB: readonly number[],
  options: Layout & { dtype?: Operand["dtype"]; uniform?: number; gradients?: 0 | 1 | 2 },
): Case {
  const { transposeA, transposeB, dtype = "float32", uniform, gradients = 2 } = options;
  const [m, k, n] = [draw.integer(1, 5), draw.integer(1, 5), draw.integer(1, 5)];
  const shapes = [
    [...batchA, ...(transposeA ? [k, m] : [m, k])],
    [...batchB, ...(transposeB ? [n, k] : [k, n])],
  ];
  const operands = shapes.map((shape, side) =>
    side === uniform ? draw.uniform(shape, dtype) : draw.operand(shape, { dtype }),
  );
  return {
    name: `${dtype} ${operands.map(({ shape, form }) => `${show(shape)} ${form}`).join(" by ")}, ${transposeA} ${transposeB}`,
    operands,
    f: (a, b) => tf.matMul(a!, b!, transposeA, transposeB),
    gradients,
  };
}

const sameBatch = LAYOUTS.flatMap((layout) =>
  repeat(8, () => {
    const batch = draw.shape(0, 3);
    return product(batch, batch, layout);
  }),
);

/** tfjs has no gradient of a product whose batches broadcast, and broadcasts only leading axes rightly. */
const broadcastBatch = LAYOUTS.flatMap((layout) =>
  repeat(6, () => {
    const batch = draw.shape(1, 3);
    const leading = draw.integer(1, batch.length);
    const narrow = batch.map((dim, i) => (i < leading ? 1 : dim)).slice(draw.chance(0.5) ? leading : 0);
    const [a, b] = draw.shuffled([batch, narrow]) as [number[], number[]];
    return product(a, b, { ...layout, gradients: 0 });
  }),
);

const withConstants = LAYOUTS.flatMap((layout) => repeat(6, (i) => product([2], [2], { ...layout, uniform: i % 2 })));

const integers = LAYOUTS.flatMap((layout) => repeat(2, () => product([2], [2], { ...layout, dtype: "int32" })));

/** `a^T op(b)` of single matrices, with and without leading axes: a is [inner, rows]. */
function transposed([inner, rows, columns]: readonly [number, number, number], gradients: 0 | 2): Case[] {
  return [[], [1], [1, 1]].flatMap((batch) =>
    [false, true].map((transposeB): Case => {
      const right = transposeB ? [columns, inner] : [inner, columns];
      const operands = [[inner, rows], right].map((shape) => draw.operand([...batch, ...shape], { form: "input" }));
      return {
        name: `${operands.map(({ shape }) => show(shape)).join(" transposed by ")}, ${transposeB}`,
        operands,
        f: (a, b) => tf.matMul(a!, b!, true, transposeB),
        gradients,
      };
    }),
  );
}

/** Wide enough for the left operand to be transposed ahead of its product. */
const wide = transposed([3, 2, 130], 2);
/** Tall enough to be made the other way round. */
const tall = transposed([280, 256, 128], 0);

/** So many rows that they are multiplied in pieces. */
const long: Case[] = [2048, 2049, 2053].flatMap((rows) =>
  [false, true].map((transposeB): Case => {
    const operands = [[rows, 3], transposeB ? [2, 3] : [3, 2]].map((shape) => draw.operand(shape, { form: "input" }));
    return {
      name: `${rows} rows, ${transposeB}`,
      operands,
      f: (a, b) => tf.matMul(a!, b!, false, transposeB),
      gradients: 2,
    };
  }),
);

const related: Case[] = [
  {
    name: "dot of matrix and vector",
    operands: [draw.operand([3, 4]), draw.operand([4])],
    f: (a, b) => tf.dot(a!, b!),
    gradients: 2,
  },
  {
    name: "outer product",
    operands: [draw.operand([3]), draw.operand([4])],
    f: (a, b) => tf.outerProduct(a as tf.Tensor1D, b as tf.Tensor1D),
    gradients: 2,
  },
  {
    name: "scores of a query, softmax and mix",
    operands: [draw.operand([2, 3, 4, 2]), draw.operand([2, 3, 5, 2]), draw.operand([2, 3, 5, 2])],
    f: (q, k, v) => tf.matMul(tf.softmax(tf.matMul(q!, k!, false, true)), v!),
    gradients: 2,
  },
  {
    name: "a long inner dimension",
    operands: [draw.operand([2, 500], { form: "input" }), draw.operand([500, 3], { form: "input" })],
    f: (a, b) => tf.matMul(a!, b!),
    gradients: 1,
  },
];

export const cases: CaseGroups = {
  "products of all four layouts agree, with batches of any rank": sameBatch,
  "wide products of a transposed operand agree": wide,
  "tall products of a transposed operand agree": tall,
  "products of many rows agree": long,
  "batches that broadcast agree": broadcastBatch,
  "products with constants agree, zero among them": withConstants,
  "integer products are exact": integers,
  "products inside other operations agree": related,
};
