/** Cases of the kernels that move elements. */
import * as tf from "@tensorflow/tfjs";
import type { Case, CaseGroups, Operand } from "../../support/compareEngines.js";
import { drawFrom, given, repeat, show } from "../../support/drawing.js";

const draw = drawFrom(4, "shapes");

/** A tensor of any type: mostly floats, so that gradients are met. */
const anything = (shape: readonly number[]): Operand =>
  draw.chance(0.15)
    ? draw.uniform(shape)
    : draw.operand(shape, { dtype: draw.pick(["float32", "float32", "float32", "int32", "bool"]) });

/** Cases of an operation of one tensor; `prepare` draws the operation for a shape. */
function moves(
  name: string,
  count: number,
  prepare: (shape: number[]) => { text: string; f: (x: tf.Tensor) => tf.Tensor | tf.Tensor[] },
  { rank = [0, 6], gradients = 2 }: { rank?: readonly [number, number]; gradients?: 0 | 1 | 2 } = {},
): Case[] {
  return repeat(count, () => {
    const shape = draw.shape(...rank);
    const x = anything(shape);
    const { text, f } = prepare(shape);
    return {
      name: `${name} ${x.dtype} ${show(shape)} ${x.form} of ${show(x.stored)} ${text}`,
      operands: [x],
      f,
      gradients,
    };
  });
}

const reshapes: Case[] = [
  ...moves("reshape", 20, (shape) => {
    const wanted = regrouped(shape);
    return { text: `to ${show(wanted)}`, f: (x) => tf.reshape(x, wanted) };
  }),
  ...moves(
    "expandDims",
    8,
    (shape) => {
      const axis = draw.integer(-shape.length - 1, shape.length);
      return { text: `at ${axis}`, f: (x) => tf.expandDims(x, axis) };
    },
    { rank: [0, 5] },
  ),
  ...moves("squeeze", 6, () => ({ text: "", f: (x) => tf.squeeze(x) })),
  ...moves("flatten, twice", 4, () => ({
    text: "",
    f: (x) => tf.square(tf.reshape(tf.square(tf.reshape(number(x), [-1])), [-1, 1])),
  })),
];

/** Another shape of the same size: axes split, merged, 1s added, one size left to be inferred. */
function regrouped(shape: readonly number[]): number[] {
  const wanted: number[] = [];
  for (const dim of shape) {
    const divisors = Array.from({ length: dim }, (_, i) => i + 1).filter((d) => dim % d === 0);
    const part = draw.pick(divisors);
    if (draw.chance(0.5) && wanted.length > 0) wanted[wanted.length - 1]! *= part;
    else wanted.push(part);
    if (dim !== part) wanted.push(dim / part);
  }
  while (draw.chance(0.3)) wanted.splice(draw.integer(0, wanted.length), 0, 1);
  if (wanted.length > 0 && draw.chance(0.4)) wanted[draw.integer(0, wanted.length - 1)] = -1;
  return wanted;
}

const transposes: Case[] = [
  ...moves("transpose", 24, (shape) => {
    const order = draw.shuffled(shape.map((_, i) => i));
    return { text: `by ${show(order)}`, f: (x) => tf.transpose(x, order) };
  }),
  ...moves("transpose of no order", 4, () => ({ text: "", f: (x) => tf.transpose(x) })),
  ...[
    [1, 3, 1, 2],
    [3, 1, 1, 4],
    [1, 1, 5],
    [2, 1],
  ].flatMap((shape) =>
    repeat(3, () => {
      const order = draw.shuffled(shape.map((_, i) => i));
      const f = (x: tf.Tensor) => tf.square(tf.transpose(x, order));
      return {
        name: `transpose ${show(shape)} by ${show(order)}`,
        operands: [draw.operand(shape)],
        f,
        gradients: 2 as const,
      };
    }),
  ),
];

const slices: Case[] = [
  ...moves(
    "slice",
    20,
    (shape) => {
      const begin = shape.map((dim) => draw.integer(0, dim - 1));
      const size = shape.map((dim, i) => (draw.chance(0.2) ? -1 : draw.integer(1, dim - begin[i]!)));
      return { text: `from ${show(begin)} of ${show(size)}`, f: (x) => tf.slice(x, begin, size) };
    },
    { rank: [1, 6] },
  ),
  ...moves(
    "slice of the first axis",
    4,
    (shape) => {
      const begin = draw.integer(0, shape[0]! - 1);
      return { text: `from ${begin}`, f: (x) => tf.slice(x, begin) };
    },
    { rank: [1, 5] },
  ),
  ...moves(
    "pad",
    14,
    (shape) => {
      const paddings = shape.map(() => [draw.integer(0, 2), draw.integer(0, 2)] as [number, number]);
      const value = draw.pick([0, 0, 1.5, -2]);
      return { text: `by ${paddings.join(" ")} with ${value}`, f: (x) => tf.pad(number(x), paddings, value) };
    },
    { rank: [1, 5] },
  ),
  ...moves(
    "pad by nothing",
    2,
    (shape) => {
      const paddings = shape.map(() => [0, 0] as [number, number]);
      return { text: "", f: (x) => tf.square(tf.pad(number(x), paddings)) };
    },
    { rank: [1, 4] },
  ),
];

/** Booleans as integers, for operations that tfjs defines on numbers only. */
const number = (x: tf.Tensor): tf.Tensor => (x.dtype === "bool" ? tf.cast(x, "int32") : x);

/** Cases of an operation of 1 to 4 tensors of one type. */
function joins(
  name: string,
  shapesOf: (
    shape: number[],
    count: number,
  ) => { shapes: number[][]; f: (parts: tf.Tensor[]) => tf.Tensor; text: string },
): Case[] {
  return repeat(20, (i) => {
    const shape = draw.shape(name === "concat" ? 1 : 0, 5);
    const { shapes, f, text } = shapesOf(shape, 1 + (i % 4));
    const dtype = draw.pick(["float32", "float32", "int32"] as const);
    const operands = shapes.map((one) => (draw.chance(0.15) ? draw.uniform(one, dtype) : draw.operand(one, { dtype })));
    return {
      name: `${name} ${shapes.map(show).join(" ")} ${text}`,
      operands,
      f: (...parts: tf.Tensor[]) => f(parts),
      gradients: 2,
    };
  });
}

const joined: Case[] = [
  ...joins("concat", (shape, count) => {
    const axis = draw.integer(0, shape.length - 1);
    const shapes = repeat(count, () => shape.map((dim, i) => (i === axis ? draw.integer(1, 4) : dim)));
    const signed = draw.chance(0.5) ? axis : axis - shape.length;
    return { shapes, text: `at ${signed}`, f: (parts) => tf.concat(parts, signed) };
  }),
  ...joins("stack", (shape, count) => {
    const axis = draw.integer(-shape.length - 1, shape.length);
    return { shapes: repeat(count, () => shape), text: `at ${axis}`, f: (parts) => tf.stack(parts, axis) };
  }),
];

const PARTS = {
  unstack: (x: tf.Tensor, axis: number) => tf.unstack(x, axis),
  split: (x: tf.Tensor, axis: number) => tf.split(x, x.shape.at(axis)!, axis),
};

const parted: Case[] = [
  ...Object.entries(PARTS).flatMap(([name, f]) =>
    repeat(10, (i) => {
      const shape = draw.shape(1, 5);
      const axis = draw.integer(0, shape.length - 1);
      shape[axis] = i === 0 ? 1 : draw.integer(2, 4);
      const signed = draw.chance(0.5) ? axis : axis - shape.length;
      return {
        name: `${name} ${show(shape)} at ${signed}`,
        operands: [anything(shape)],
        f: (x: tf.Tensor) => f(x, signed),
        gradients: i === 0 ? (0 as const) : (2 as const), // tfjs has no gradient of taking out the only part
      };
    }),
  ),
  ...repeat(6, (i) => {
    const sizes = repeat(draw.integer(2, 3), () => draw.integer(1, 3));
    const length = sizes.reduce((a, b) => a + b, 0);
    // tfjs itself infers a first size wrongly
    const given = sizes.map((size, part) => (i % 2 === 1 && part > 0 && part === sizes.length - 1 ? -1 : size));
    const shape = [2, length, 3];
    return {
      name: `split ${show(shape)} into ${show(given)}`,
      operands: [draw.operand(shape)],
      f: (x: tf.Tensor) => tf.split(x, [...given], 1),
      gradients: 2 as const,
    };
  }),
  {
    name: "only the last part is used",
    operands: [draw.operand([3, 2], { form: "input" })],
    f: (x) => tf.square(tf.unstack(x!)[2]!),
    gradients: 2,
  },
];

const repeated: Case[] = [
  ...moves(
    "tile",
    12,
    (shape) => {
      const reps = shape.map(() => draw.integer(1, 3));
      return { text: `by ${show(reps)}`, f: (x) => tf.tile(x, reps) };
    },
    { rank: [1, 4] },
  ),
  ...moves(
    "reverse",
    12,
    (shape) => {
      const axis = draw.chance(0.2)
        ? undefined
        : draw.chance(0.3)
          ? draw.integer(-shape.length, shape.length - 1)
          : draw.axes(shape.length);
      return { text: `over ${axis}`, f: (x) => tf.reverse(x, axis) };
    },
    { rank: [1, 5] },
  ),
  ...repeat(10, () => {
    const whole = draw.shape(1, 4);
    const x = anything(draw.narrowed(whole));
    return {
      name: `broadcastTo ${show(x.shape)} ${x.form} to ${show(whole)}`,
      operands: [x],
      f: (small: tf.Tensor) => tf.broadcastTo(small, whole),
      gradients: 2 as const,
    };
  }),
];

const made: Case[] = [
  {
    name: "fill",
    operands: [],
    f: () => [tf.fill([2, 3], 1.5), tf.fill([2], 7, "int32"), tf.fill([3], 1, "bool"), tf.fill([], 2)],
  },
  {
    name: "ones and zeros",
    operands: [],
    f: () => [tf.ones([2, 3]), tf.zeros([2], "int32"), tf.ones([], "bool"), tf.zeros([1, 1, 4])],
  },
  {
    name: "range up",
    operands: [],
    f: () => [tf.range(0, 5), tf.range(-1, 2, 0.5), tf.range(2, 9, 3, "int32"), tf.range(0, 7, 2)],
  },
  {
    name: "range down",
    operands: [],
    f: () => [tf.range(5, 0), tf.range(3, -2, -2), tf.range(1, 0, -0.25), tf.range(4, 1, 1, "int32")],
  },
  {
    name: "constants of many kinds",
    operands: [],
    f: () => [
      tf.scalar(3),
      tf.tensor([-0, 0]),
      tf.tensor2d([1, 2, 3, 4], [2, 2], "int32"),
      tf.tensor([true, false]),
      tf.eye(3),
    ],
  },
  {
    name: "repeated constants keep their order",
    operands: [given([0, 1])],
    f: (x) => [
      tf.add(tf.tile(tf.tensor([1, 2, 3]), [2]), tf.sum(x!)),
      tf.add(tf.reshape(tf.broadcastTo(tf.tensor([1, 2, 3]), [2, 3]), [3, 2]), x!),
      tf.add(tf.reshape(tf.broadcastTo(tf.tensor([[1], [2]]), [2, 3]), [6]), tf.sum(x!)),
    ],
  },
];

export const cases: CaseGroups = {
  "reshapes agree, a broadcast or a constant reshaped among them": reshapes,
  "transposes agree in every order, with axes of size 1": transposes,
  "slices and pads agree": slices,
  "one to four tensors are joined alike": joined,
  "tensors are taken apart alike": parted,
  "tiles, reversals and broadcasts agree": repeated,
  "tensors made from nothing agree": made,
};
