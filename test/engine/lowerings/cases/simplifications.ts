/** Cases of what the tracer leaves out: operations with constants, and broadcasts that nothing asks to be written out. */
import * as tf from "@tensorflow/tfjs";
import type { Case, CaseGroups, Operand } from "../../support/compareEngines.js";
import { describe, drawFrom, given, repeat, show } from "../../support/drawing.js";

const draw = drawFrom(9, "simplifications");

type Binary = (a: tf.Tensor, b: tf.Tensor) => tf.Tensor;

const positive = () => draw.real(0.1, 4);

/** Operations with constants that the graph builder leaves out, on either side and with either side broadcasting. */
const simplifications: Case[] = Object.entries<Binary>({
  add: tf.add,
  sub: tf.sub,
  mul: tf.mul,
  div: (a, b) => tf.div(a, b),
  "square of product": (a, b) => tf.square(tf.mul(a, b)),
}).flatMap(([name, f]) =>
  [0, 1, -1, 2].flatMap((value) =>
    [false, true].flatMap((first) => {
      if (name === "div" && (first ? false : value === 0)) return [];
      return repeat(3, (i) => {
        const inner = draw.shape(0, 3);
        const whole = [draw.integer(2, 4), ...inner];
        const shapes = [whole, draw.chance(0.5) ? inner : [1, ...draw.narrowed(inner)], whole];
        const x = draw.operand(shapes[i]!, { value: positive, form: draw.pick(["input", "spread"]) });
        const constant = draw.operand(shapes[(i + 1) % 3]!, { form: "constant", value: () => value });
        const operands = first ? [constant, x] : [x, constant];
        return { name: `${name} ${operands.map(describe).join(" ")} (${value})`, operands, f, gradients: 2 as const };
      });
    }),
  ),
);

const SHAPE = [3, 2, 4];

const spread = (values: readonly number[], stored: readonly number[]): Operand => ({
  ...given(values, stored),
  form: "spread",
  shape: SHAPE,
});

const FACTORS: readonly Operand[] = [
  spread([1.5], []),
  spread([1, 2, 3, 4], [4]),
  spread([1, -2, 3], [3, 1, 1]),
  draw.operand(SHAPE, { form: "input" }),
];

const MOVES: Readonly<Record<string, (x: tf.Tensor) => tf.Tensor>> = {
  transposed: (x) => tf.transpose(x, [2, 0, 1]),
  flattened: (x) => tf.reshape(x, [-1]),
  regrouped: (x) => tf.reshape(x, [6, 4]),
  cut: (x) => tf.slice(x, [1, 0, 1]),
  joined: (x) => tf.concat([x, x], 2),
  summed: (x) => tf.sum(x, 1),
};

/** Products that exist only as something smaller, moved about: each way of moving must know how much is there. */
const unexpanded: Case[] = Object.entries(MOVES).flatMap(([name, move]) =>
  FACTORS.flatMap((first) =>
    FACTORS.map((second) => ({
      name: `product of ${describe(first)} and ${describe(second)}, ${name}`,
      operands: [first, second],
      f: (a: tf.Tensor, b: tf.Tensor) => move(tf.mul(a, b)),
      gradients: 2 as const,
    })),
  ),
);

const integerSimplifications: Case[] = [0, 1].flatMap((value) =>
  Object.entries<Binary>({ add: tf.add, sub: tf.sub, mul: tf.mul }).flatMap(([name, f]) =>
    [false, true].map((first) => {
      const whole = draw.shape(1, 4);
      const x = draw.operand(draw.narrowed(whole), { dtype: "int32", form: "input" });
      const constant = draw.operand(whole, { dtype: "int32", form: "constant", value: () => value });
      return { name: `int ${name} ${show(whole)} ${value}`, operands: first ? [constant, x] : [x, constant], f };
    }),
  ),
);

export const cases: CaseGroups = {
  "operations with 0, 1 and other constants agree wherever the constant stands": simplifications,
  "operations of integers with 0 and 1 agree": integerSimplifications,
  "results that exist only as something smaller are moved rightly": unexpanded,
};
