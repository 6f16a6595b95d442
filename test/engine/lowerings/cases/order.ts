/** Cases of running sums and of the largest in order. */
import * as tf from "@tensorflow/tfjs";
import type { Case, CaseGroups } from "../../support/compareEngines.js";
import { drawFrom, repeat, show } from "../../support/drawing.js";

const draw = drawFrom(2, "order");

const running: Case[] = repeat(12, () => {
  const shape = draw.shape(1, 4);
  const axis = draw.integer(0, shape.length - 1);
  const [exclusive, reverse] = [draw.chance(0.5), draw.chance(0.5)];
  const x = draw.chance(0.2) ? draw.uniform(shape, "float32") : draw.operand(shape);
  return {
    name: `running sum of ${show(shape)} over ${axis}, exclusive ${exclusive}, reverse ${reverse}`,
    operands: [x],
    f: (a: tf.Tensor) => tf.cumsum(a, axis, exclusive, reverse),
    gradients: 0,
  };
});

const few = () => draw.integer(-2, 2) * 0.5; // many equal elements

const largest: Case[] = repeat(12, (i) => {
  const shape = draw.shape(1, 4);
  const length = shape.at(-1)!;
  const k = i % 2 === 0 ? length : draw.integer(1, length);
  return {
    name: `the ${k} largest of ${show(shape)}`,
    operands: [draw.operand(shape, i % 3 === 0 ? { value: few } : {})],
    f: (a: tf.Tensor) => {
      const { values, indices } = tf.topk(a, k);
      return [values, indices];
    },
    gradients: 0,
  };
});

export const cases: CaseGroups = {
  "running sums agree over random shapes, axes and directions": running,
  "the largest of a row come in order, of equals the first": largest,
};
