/** What `draw.ts` and `guidance.ts` do, as part of a graph: for devices that keep tensors within a call alone. */
import * as tf from "@tensorflow/tfjs";
import type { NamedHostTensors, NamedTensors, TensorSpec } from "../engine/types.js";
import type { Filter } from "./draw.js";
import { float32 } from "./tensors.js";

const LEAST = 2 ** -126; // the least normal float32

const isGreedy = ({ temperature }: Filter) => temperature < LEAST;

/** Whether some filter leaves codes out, for which a graph has to sort them. */
export function cutsCodes(filters: readonly Filter[]): boolean {
  return filters.some((filter) => isGreedy(filter) || filter.topK > 0 || filter.topP < 1);
}

/** What `drawCodes` takes besides logits, each [B]: filters, `topK` and `topP` only where codes are cut, and a `uniform` in [0, 1). */
export function drawInputs(batchSize: number, cut: boolean): Record<string, TensorSpec> {
  const each: TensorSpec = { dtype: "float32", shape: [batchSize] };
  return { temperature: each, uniform: each, ...(cut ? { topK: each, topP: each } : {}) };
}

/**
 * Filters as inputs of `drawCodes`. A temperature that float32 takes for 0 becomes the smallest mass, of which the likeliest code alone is left; a top-k
 * of 0, all codes; a top-p of 1, more than there is, so that no rounding cuts the tail.
 * @param vocabulary K
 */
export function filterTensors(filters: readonly Filter[], vocabulary: number): NamedHostTensors {
  const rows = (value: (filter: Filter) => number) => float32(filters.map(value));
  const temperature = rows((filter) => (isGreedy(filter) ? 1 : filter.temperature));
  if (!cutsCodes(filters)) return { temperature };
  return {
    temperature,
    topK: rows((filter) => (isGreedy(filter) || filter.topK === 0 ? vocabulary : filter.topK)),
    topP: rows((filter) => (isGreedy(filter) ? LEAST : filter.topP === 1 ? 2 : Math.max(filter.topP, LEAST))),
  };
}

/**
 * A code of every row by `drawCode`'s rule, in float32: the first whose cumulative weight, in code order, exceeds `uniform` times
 * the whole.
 * @param logits [B, K]
 * @param inputs as `filterTensors` gives them, and `uniform`
 * @returns int32 [B]
 */
export function drawCodes(logits: tf.Tensor, inputs: NamedTensors): tf.Tensor {
  const K = logits.shape[1]!;
  const temperature = column(inputs["temperature"]!);
  const highest = tf.max(logits, 1, true);
  const weigh = (values: tf.Tensor) => tf.exp(tf.div(tf.sub(values, highest), temperature));
  const { topK, topP, uniform } = inputs;
  const all = weigh(logits);
  const weights = topK && topP ? tf.mul(all, staying(logits, { topK: column(topK), topP: column(topP), weigh })) : all;
  const cumulative = tf.cumsum(weights, 1);
  const reached = tf.mul(column(uniform!), tf.slice(cumulative, [0, K - 1], [-1, 1]));
  return tf.sum(tf.cast(tf.lessEqual(cumulative, reached), "int32"), 1);
}

type Cut = { readonly topK: tf.Tensor; readonly topP: tf.Tensor; readonly weigh: (values: tf.Tensor) => tf.Tensor };

/** 1 for codes that stay, 0 for those that are cut, [B, K]. Which logits are equal, and larger, is told of these exactly. */
function staying(logits: tf.Tensor, { topK, topP, weigh }: Cut): tf.Tensor {
  const K = logits.shape[1]!;
  const sorted = tf.topk(logits, K).values;
  const least = (stays: tf.Tensor) => tf.min(tf.where(stays, sorted, Number.POSITIVE_INFINITY), 1, true);
  const amongBest = tf.greaterEqual(sorted, least(tf.less(tf.range(0, K), topK)));
  const mass = tf.mul(weigh(sorted), number(amongBest));
  const likelier = tf.cumsum(mass, 1, true);
  const stays = tf.logicalAnd(amongBest, tf.less(likelier, tf.mul(topP, tf.sum(mass, 1, true))));
  const last = least(stays);
  const room = tf.sum(number(tf.logicalAnd(stays, tf.equal(sorted, last))), 1, true); // for codes that equal the last
  const equal = tf.equal(logits, last);
  const fits = tf.lessEqual(tf.cumsum(number(equal), 1), room);
  return number(tf.logicalOr(tf.greater(logits, last), tf.logicalAnd(equal, fits)));
}

/** [B] -> [B, 1]. */
const column = (values: tf.Tensor) => tf.expandDims(values, 1);

/** Of a truth value: 1 or 0. */
const number = (truth: tf.Tensor) => tf.cast(truth, "float32");

/**
 * `guidedLogits` of logits [2 B, K], those without a class last.
 * @param scale [1]
 * @returns [B, K]
 */
export function guidedBatch(logits: tf.Tensor, scale: tf.Tensor): tf.Tensor {
  const [conditional, unconditional] = tf.split(logits, 2);
  return tf.add(unconditional!, tf.mul(scale, tf.sub(conditional!, unconditional!)));
}
