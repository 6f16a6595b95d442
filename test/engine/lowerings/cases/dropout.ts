/** Cases of dropout. */
import * as tf from "@tensorflow/tfjs";
import { dropout } from "../../../../lib/nn/dropout.js";
import type { Case, CaseGroups } from "../../support/compareEngines.js";
import { drawFrom, given, repeat, show } from "../../support/drawing.js";

const draw = drawFrom(12, "dropout");

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

export const cases: CaseGroups = {
  "dropout drops the same elements in the graph as in JavaScript": dropouts,
};
