/** Cases of the kernels that act on each element by itself. */
import * as tf from "@tensorflow/tfjs";
import type { Case, CaseGroups, Operand } from "../../support/compareEngines.js";
import { describe, drawFrom, given, repeat } from "../../support/drawing.js";

const draw = drawFrom(1, "elementwise");

type Unary = (x: tf.Tensor) => tf.Tensor;
type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

/** Three cases over random shapes. */
function unary(name: string, f: Unary, options: { gradients?: 0 | 1 | 2; value?: () => number } = {}): Case[] {
  const { gradients = 1, value = draw.normal } = options;
  return repeat(3, () => {
    const x = draw.operand(draw.shape(), { value });
    return { name: `${name} ${describe(x)}`, operands: [x], f, gradients };
  });
}

/** Cases over random shapes of which either side may broadcast. */
function binary(
  name: string,
  f: Binary,
  options: {
    gradients?: 0 | 1 | 2;
    dtypes?: readonly [Operand["dtype"], Operand["dtype"]];
    values?: readonly [() => number, () => number];
    count?: number;
  } = {},
): Case[] {
  const { gradients = 1, dtypes = ["float32", "float32"], values, count = 5 } = options;
  return repeat(count, () => {
    const whole = draw.shape(0, 5);
    const [a, b] = [0, 1].map((side) =>
      draw.operand(draw.chance(0.5) ? whole : draw.narrowed(whole), {
        dtype: dtypes[side]!,
        ...(values ? { value: values[side]! } : {}),
      }),
    ) as [Operand, Operand];
    return { name: `${name} ${describe(a)} ${describe(b)}`, operands: [a, b], f, gradients };
  });
}

const positive = () => draw.real(0.1, 4);
const small = () => draw.integer(-2, 2) * 0.5;

const floats: Case[] = [
  ...unary("abs", tf.abs, { gradients: 2 }),
  ...unary("ceil", tf.ceil),
  ...unary("clip", (x) => tf.clipByValue(x, -0.5, 0.75)),
  ...unary("clone", tf.clone, { gradients: 2 }),
  ...unary("cos", tf.cos, { gradients: 2 }),
  ...unary("erf", tf.erf, { gradients: 2 }),
  ...unary("exp", tf.exp, { gradients: 2 }),
  ...unary("floor", tf.floor),
  ...unary("leakyRelu", (x) => tf.leakyRelu(x, 0.2)),
  ...unary("log", tf.log, { gradients: 2, value: positive }),
  ...unary("neg", tf.neg, { gradients: 2 }),
  ...unary("reciprocal", tf.reciprocal, { gradients: 2, value: positive }),
  ...unary("relu", tf.relu, { gradients: 2 }),
  ...unary("round", tf.round),
  ...unary("rsqrt", tf.rsqrt, { gradients: 2, value: positive }),
  ...unary("sigmoid", tf.sigmoid, { gradients: 2, value: () => draw.real(-8, 8) }),
  ...unary("sign", tf.sign),
  ...unary("sin", tf.sin, { gradients: 2 }),
  ...unary("softplus", tf.softplus, { gradients: 2, value: () => draw.real(-20, 20) }),
  ...unary("sqrt", tf.sqrt, { gradients: 2, value: positive }),
  ...unary("square", tf.square, { gradients: 2 }),
  ...unary("step", (x) => tf.step(x)),
  ...unary("step with a slope", (x) => tf.step(x, 0.3)),
  ...unary("step with a slope above 1", (x) => tf.step(x, 1.5)),
  ...unary("x * step(x)", (x) => tf.mul(x, tf.step(x, -0.25)), { gradients: 2 }),
  ...unary("tanh", tf.tanh, { gradients: 2, value: () => draw.real(-4, 4) }),
  ...unary("zerosLike", (x) => tf.add(tf.zerosLike(x), tf.square(x)), { gradients: 2 }),
  ...unary("onesLike", (x) => tf.mul(tf.onesLike(x), tf.square(x)), { gradients: 2 }),
];

const pairs: Case[] = [
  ...binary("add", tf.add, { gradients: 2 }),
  ...binary("sub", tf.sub, { gradients: 2 }),
  ...binary("mul", tf.mul, { gradients: 2, count: 8 }),
  ...binary("div", tf.div, { gradients: 2, values: [draw.normal, positive], count: 8 }),
  ...binary("maximum", tf.maximum, { gradients: 0 }),
  ...binary("minimum", tf.minimum, { gradients: 0 }),
  ...binary("pow", tf.pow, { values: [positive, () => draw.real(-2, 2)] }),
  ...binary("squaredDifference", tf.squaredDifference, { gradients: 0 }),
  ...binary("(a - b) / (a * b)", (a, b) => tf.div(tf.sub(a, b), tf.mul(a, b)), { values: [positive, positive] }),
];

/** tfjs has no gradient of these when a side broadcasts, so the shapes are equal; many pairs are ties. */
const sameShapes: Case[] = Object.entries<Binary>({
  maximum: tf.maximum,
  minimum: tf.minimum,
  squaredDifference: tf.squaredDifference,
}).flatMap(([name, f]) =>
  repeat(4, () => {
    const shape = draw.shape();
    const operands = repeat(2, () => draw.operand(shape, { value: small }));
    const gradients = name === "squaredDifference" ? 2 : 1;
    return { name: `${name} with ties ${operands.map(describe).join(" ")}`, operands, f, gradients };
  }),
);

/** Three of each comparison for floats with many equal pairs, integers and mixed types. */
const comparisons: Case[] = Object.entries({
  equal: tf.equal,
  notEqual: tf.notEqual,
  greater: tf.greater,
  greaterEqual: tf.greaterEqual,
  less: tf.less,
  lessEqual: tf.lessEqual,
}).flatMap(([name, f]) => [
  ...binary(name, f, { values: [small, small], gradients: 0 }),
  ...binary(name, f, { dtypes: ["int32", "int32"], gradients: 0 }),
  ...binary(name, f, { dtypes: ["int32", "float32"], values: [() => draw.integer(-2, 2), small], gradients: 0 }),
]);

const booleans: Case[] = [
  ...binary("logicalAnd", tf.logicalAnd, { dtypes: ["bool", "bool"] }),
  ...binary("logicalOr", tf.logicalOr, { dtypes: ["bool", "bool"] }),
  ...binary("logicalXor", tf.logicalXor, { dtypes: ["bool", "bool"] }),
  ...binary("equal", tf.equal, { dtypes: ["bool", "bool"] }),
  ...binary("notEqual", tf.notEqual, { dtypes: ["bool", "bool"] }),
  ...binary("bool * float", tf.mul, { dtypes: ["bool", "float32"], gradients: 2 }),
  ...binary("bool + int", tf.add, { dtypes: ["bool", "int32"] }),
  ...binary("float - bool", tf.sub, { dtypes: ["float32", "bool"], gradients: 2 }),
  ...repeat(5, () => {
    const x = draw.operand(draw.shape(), { dtype: "bool" });
    return { name: `logicalNot ${describe(x)}`, operands: [x], f: (a: tf.Tensor) => tf.logicalNot(a) };
  }),
];

const integers: Case[] = [
  ...binary("int add", tf.add, { dtypes: ["int32", "int32"] }),
  ...binary("int sub", tf.sub, { dtypes: ["int32", "int32"] }),
  ...binary("int mul", tf.mul, { dtypes: ["int32", "int32"] }),
  ...binary("int maximum", tf.maximum, { dtypes: ["int32", "int32"] }),
  ...binary("int minimum", tf.minimum, { dtypes: ["int32", "int32"] }),
  ...binary("int squaredDifference", tf.squaredDifference, { dtypes: ["int32", "int32"] }),
  ...binary("int pow", tf.pow, {
    dtypes: ["int32", "int32"],
    values: [() => draw.integer(-3, 3), () => draw.integer(0, 3)],
  }),
  ...binary("int div", tf.div, {
    dtypes: ["int32", "int32"],
    values: [() => draw.integer(-9, 9), () => draw.integer(1, 4)],
  }),
  ...binary("int floorDiv", tf.floorDiv, {
    dtypes: ["int32", "int32"],
    values: [() => draw.integer(-9, 9), () => draw.pick([-4, -3, -1, 1, 2, 3, 5])],
  }),
  ...binary("int + float", tf.add, { dtypes: ["int32", "float32"], gradients: 2 }),
  ...binary("float / int", tf.div, {
    dtypes: ["float32", "int32"],
    values: [draw.normal, () => draw.integer(1, 4)],
    gradients: 2,
  }),
  ...Object.entries({
    abs: tf.abs,
    neg: tf.neg,
    sign: tf.sign,
    square: tf.square,
    relu: tf.relu,
    step: tf.step,
  }).flatMap(([name, f]) =>
    repeat(2, () => {
      const x = draw.operand(draw.shape(), { dtype: "int32" });
      return { name: `int ${name} ${describe(x)}`, operands: [x], f: (a: tf.Tensor) => (f as Unary)(a) };
    }),
  ),
  ...repeat(3, () => {
    const x = draw.operand(draw.shape(), { dtype: "int32" });
    return { name: `int clip ${describe(x)}`, operands: [x], f: (a: tf.Tensor) => tf.clipByValue(a, -2, 3) };
  }),
];

const choices: Case[] = [
  ...repeat(12, () => {
    const whole = draw.shape(0, 4);
    const shapes = [whole, whole, whole].map((dims) => (draw.chance(0.6) ? dims : draw.narrowed(dims)));
    const operands = [
      draw.operand(shapes[0]!, { dtype: "bool" }),
      draw.operand(shapes[1]!),
      draw.chance(0.3) ? draw.uniform(shapes[2]!) : draw.operand(shapes[2]!),
    ];
    return {
      name: `where ${operands.map(describe).join(" ")}`,
      operands,
      f: (c: tf.Tensor, a: tf.Tensor, b: tf.Tensor) => tf.where(c, a, b),
      gradients: 2 as const,
    };
  }),
  ...repeat(3, () => {
    const shape = draw.shape(1, 4);
    const operands = [
      draw.operand(shape, { dtype: "bool" }),
      ...repeat(2, () => draw.operand(shape, { dtype: "int32" })),
    ];
    return {
      name: `int where ${operands.map(describe).join(" ")}`,
      operands,
      f: (c: tf.Tensor, a: tf.Tensor, b: tf.Tensor) => tf.where(c, a, b),
    };
  }),
  ...repeat(4, (i) => {
    const shape = draw.shape();
    const operands = repeat(i + 1, () => (draw.chance(0.2) ? draw.uniform(shape) : draw.operand(shape)));
    return {
      name: `addN ${operands.map(describe).join(" ")}`,
      operands,
      f: (...terms: tf.Tensor[]) => tf.addN(terms),
      gradients: 2 as const,
    };
  }),
];

const casts: Case[] = (["float32", "int32", "bool"] as const).flatMap((from) =>
  (["float32", "int32", "bool"] as const).flatMap((to) =>
    repeat(3, () => {
      const shape = draw.shape();
      const value = from === "float32" ? () => draw.pick([-2.75, -1, -0.5, 0, 0.5, 0.999, 1, 3.5]) : undefined;
      const x = draw.operand(shape, { dtype: from, ...(value ? { value } : {}) });
      const f = (a: tf.Tensor) => (to === "float32" ? tf.mul(tf.cast(a, to), 3) : tf.cast(a, to));
      return { name: `cast ${describe(x)} to ${to}`, operands: [x], f };
    }),
  ),
);

const edges: Case[] = [
  {
    name: "sign and step at 0",
    operands: [given([-2, -0, 0, 1e-30, 3])],
    f: (x) => [tf.sign(x), tf.step(x), tf.step(x, 0.5)],
  },
  { name: "relu and leakyRelu at 0", operands: [given([-1, -0, 0, 2])], f: (x) => [tf.relu(x), tf.leakyRelu(x, 0.1)] },
  {
    name: "round to the even neighbour",
    operands: [given([-3.5, -2.5, -1.5, -0.5, 0.5, 1.5, 2.5, 3.5, 2.4999, 1e7])],
    f: (x) => tf.round(x),
  },
  {
    name: "floor and ceil below 0",
    operands: [given([-1.5, -1, -0.1, 0, 0.1, 1])],
    f: (x) => [tf.floor(x), tf.ceil(x)],
  },
  {
    name: "clip at its edges",
    operands: [given([-1, -0.5, -0.25, 0, 0.25, 0.5, 1])],
    f: (x) => tf.clipByValue(x, -0.5, 0.5),
  },
  {
    name: "floorDiv of all signs",
    operands: [
      given([7, -7, 7, -7, 6, -6, 0, 16777215], [8], "int32"),
      given([2, 2, -2, -2, 3, 3, -5, 5], [8], "int32"),
    ],
    f: (a, b) => tf.floorDiv(a, b),
  },
  {
    name: "integer arithmetic wraps nowhere below 2^31",
    operands: [given([46340, -46340, 65536], [3], "int32"), given([46340, 46340, -32767], [3], "int32")],
    f: (a, b) => [tf.mul(a, b), tf.add(a, b), tf.sub(a, b)],
  },
  {
    name: "isNaN and isFinite",
    operands: [given([0, 1, -1e38, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])],
    f: (x) => [tf.isNaN(x), tf.isFinite(x)],
    gradients: 0,
  },
  {
    name: "saturating functions far out",
    operands: [given([-100, -30, -10, 10, 30, 80])],
    f: (x) => [tf.sigmoid(x), tf.tanh(x), tf.erf(x)],
  },
  {
    name: "exp, small results as near as large ones",
    operands: [given([-80, -30, -10, -1e-6, 10, 30, 80])],
    f: (x) => tf.exp(x),
    gradients: 0,
    byElement: true,
  },
  {
    // ONNX Runtime's kernel for WebGPU takes log(1 + exp(x)), which is 0 far below 0.
    name: "softplus, each result for itself",
    operands: [given([-80, -30, -10, -1, 1, 10, 30, 80])],
    f: (x) => tf.softplus(x),
    tolerance: { absolute: 2e-7, relative: 0, each: 1e-5 },
    gradients: 0,
  },
  {
    name: "exp and softplus beyond what float32 holds",
    operands: [given([-1e4, -200, 100, 1e4])],
    f: (x) => [tf.exp(x), tf.softplus(x)],
    gradients: 0,
  },
  {
    name: "log and sqrt near 0 and of large numbers",
    operands: [given([1e-30, 1e-6, 1, 1e6, 1e30])],
    f: (x) => [tf.log(x), tf.sqrt(x)],
    gradients: 0,
    byElement: true,
  },
];

export const cases: CaseGroups = {
  "functions of one tensor agree over random shapes": floats,
  "functions of two tensors broadcast either side": pairs,
  "functions of two tensors of one shape agree, also on ties": sameShapes,
  "comparisons agree on equal pairs, integers and mixed types": comparisons,
  "booleans agree in logic and in arithmetic": booleans,
  "integers agree exactly": integers,
  "choices and long sums agree": choices,
  "casts truncate towards zero": casts,
  "edges and special values agree": edges,
};
