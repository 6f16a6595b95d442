/** Cases of attention that has a kernel of its own in the graph, and is composed elsewhere. */
import type * as tf from "@tensorflow/tfjs";
import { cachedAttention } from "../../../../lib/nn/cachedAttention.js";
import { type SelfAttention, selfAttention } from "../../../../lib/nn/dotProductAttention.js";
import type { Case, CaseGroups } from "../../support/compareEngines.js";
import { drawFrom, given, repeat, show } from "../../support/drawing.js";

const draw = drawFrom(11, "attention");

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

export const cases: CaseGroups = {
  "attention of heads side by side agrees with its composition": heads,
  "attention over a cache agrees with its composition": cached,
};
