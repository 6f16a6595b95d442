/**
 * AdamW on typed arrays, in place: on CPU one fused pass over each parameter beats the same update inside the graph
 * and needs no second set of state.
 */
import type { HostTensor, NamedHostTensors } from "../engine/types.js";
import type { ParamSpec } from "../nn/params.js";
import { mapValues } from "../records.js";
import { floatsOf, type UpdateCost, type UpdateOptions, type UpdateRule, zerosOf } from "./updateRule.js";
import { vectorKernel } from "./vectorKernel.js";

export type AdamWOptions = {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled: weights shrink by `lr * weightDecay` a step, where their spec says so. */
  readonly weightDecay: number;
};

/** First and second moments by parameter name. */
export type Moments = { readonly first: NamedHostTensors; readonly second: NamedHostTensors };

/** Moments before the first update. */
export function zeroMoments(params: NamedHostTensors): Moments {
  const zeros = () => mapValues(params, ({ shape }) => zerosOf(shape));
  return { first: zeros(), second: zeros() };
}

/** AdamW over `params`, which it changes in place, from moments of zero. */
export function adamWRule(
  params: NamedHostTensors,
  specs: Readonly<Record<string, ParamSpec>>,
  options: AdamWOptions,
): UpdateRule {
  const moments = zeroMoments(params);
  return {
    state: moments,
    update: (gradients, update) => adamWUpdate({ params, moments, specs }, gradients, { ...options, ...update }),
    forget: (name, from, to) => floatsOf(moments.first, name).fill(0, from, to),
  };
}

/** Two float32 moments a parameter; an update reads gradient, weight and moments, and writes all but the gradient. */
export function adamWCost(parameters: number): UpdateCost {
  return { stateBytes: 8 * parameters, movedBytes: 28 * parameters };
}

/**
 * One AdamW update of every parameter, in place:
 * `m = b1 m + (1-b1) g`, `v = b2 v + (1-b2) g^2`, `w = w - lr (m^/(sqrt v^ + eps) + wd w)`.
 * Source: Loshchilov & Hutter 2019, arXiv:1711.05101, algorithm 2.
 * @param gradients by parameter name
 * @throws RangeError when a tensor is missing or of another size than its weights
 */
export function adamWUpdate(
  state: { params: NamedHostTensors; moments: Moments; specs: Readonly<Record<string, ParamSpec>> },
  gradients: NamedHostTensors,
  options: AdamWOptions & UpdateOptions,
): void {
  const { beta1, beta2, epsilon, weightDecay, rate, gradientScale, step } = options;
  const numbers = {
    gradientScale,
    beta1,
    new1: 1 - beta1,
    beta2,
    new2: 1 - beta2,
    epsilon,
    correctedRate: rate / (1 - beta1 ** step),
    correction: 1 / Math.sqrt(1 - beta2 ** step),
  };
  for (const [name, { decay }] of Object.entries(state.specs))
    updateTensor(
      {
        weights: floatsOf(state.params, name),
        gradient: floatsOf(gradients, name),
        first: floatsOf(state.moments.first, name),
        second: floatsOf(state.moments.second, name),
      },
      { ...numbers, decay: decay ? rate * weightDecay : 0 },
    );
}

/** `decay` is `lr wd`, `correctedRate` and `correction` undo the bias of the moments. */
const updateTensor = vectorKernel(
  {
    arrays: ["weights", "gradient", "first", "second"],
    numbers: ["gradientScale", "beta1", "new1", "beta2", "new2", "decay", "correctedRate", "correction", "epsilon"],
  },
  ({ add, sub, mul, div, sqrt }, { weights, gradient, first, second, ...numbers }) => {
    const { gradientScale, beta1, new1, beta2, new2, decay, correctedRate, correction, epsilon } = numbers;
    const g = mul(gradient, gradientScale);
    const m = add(mul(beta1, first), mul(new1, g));
    const v = add(mul(beta2, second), mul(new2, mul(g, g)));
    const root = add(mul(sqrt(v), correction), epsilon);
    const moved = add(mul(decay, weights), div(mul(correctedRate, m), root));
    return { first: m, second: v, weights: sub(weights, moved) };
  },
);

/** Euclidean norm over all gradients; NaN or infinite as soon as one element is. */
export function globalNorm(gradients: NamedHostTensors): number {
  let sum = 0;
  for (const { data } of Object.values(gradients)) sum += sumOfSquares(data);
  return Math.sqrt(sum);
}

/** Four sums, so that none waits for the one before. */
function sumOfSquares(data: HostTensor["data"]): number {
  const fours = data.length - (data.length % 4);
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let i = 0; i < fours; i += 4) {
    a += data[i]! * data[i]!;
    b += data[i + 1]! * data[i + 1]!;
    c += data[i + 2]! * data[i + 2]!;
    d += data[i + 3]! * data[i + 3]!;
  }
  for (let i = fours; i < data.length; i++) a += data[i]! * data[i]!;
  return a + b + c + d;
}

/** `min(1, limit / norm)`: the factor that brings gradients of `norm` within `limit` (0 means no limit). */
export function clipScale(norm: number, limit: number): number {
  return limit > 0 && norm > limit ? limit / norm : 1;
}
