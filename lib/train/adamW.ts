/**
 * AdamW on typed arrays, in place: on CPU one fused pass over each parameter beats the same update inside the graph
 * and needs no second set of state.
 */
import type { HostTensor, NamedHostTensors } from "../engine/types.js";
import type { ParamSpec } from "../nn/params.js";
import { floatsOf, type UpdateCost, type UpdateOptions, type UpdateRule } from "./updateRule.js";

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
  const zeros = () => Object.fromEntries(Object.entries(params).map(([name, tensor]) => [name, zerosLike(tensor)]));
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
    forget: (name, from, to) => moments.first[name]?.data.fill(0, from, to),
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
 */
export function adamWUpdate(
  state: { params: NamedHostTensors; moments: Moments; specs: Readonly<Record<string, ParamSpec>> },
  gradients: NamedHostTensors,
  options: AdamWOptions & UpdateOptions,
): void {
  for (const [name, { decay }] of Object.entries(state.specs)) {
    const weightDecay = decay ? options.weightDecay : 0;
    updateTensor(
      {
        weights: floatsOf(state.params, name),
        gradient: floatsOf(gradients, name),
        first: floatsOf(state.moments.first, name),
        second: floatsOf(state.moments.second, name),
      },
      { ...options, weightDecay },
    );
  }
}

type Arrays = { weights: Float32Array; gradient: Float32Array; first: Float32Array; second: Float32Array };

function updateTensor(
  { weights, gradient, first, second }: Arrays,
  { beta1, beta2, epsilon, weightDecay, rate, gradientScale, step }: AdamWOptions & UpdateOptions,
): void {
  const correctedRate = rate / (1 - beta1 ** step);
  const correction = 1 / Math.sqrt(1 - beta2 ** step);
  const keep = 1 - rate * weightDecay;
  for (let i = 0; i < weights.length; i++) {
    const g = gradient[i]! * gradientScale;
    const m = beta1 * first[i]! + (1 - beta1) * g;
    const v = beta2 * second[i]! + (1 - beta2) * g * g;
    first[i] = m;
    second[i] = v;
    weights[i] = weights[i]! * keep - (correctedRate * m) / (Math.sqrt(v) * correction + epsilon);
  }
}

/** Euclidean norm over all gradients; NaN or infinite as soon as one element is. */
export function globalNorm(gradients: NamedHostTensors): number {
  let sum = 0;
  for (const { data } of Object.values(gradients)) for (let i = 0; i < data.length; i++) sum += data[i]! * data[i]!;
  return Math.sqrt(sum);
}

/** `min(1, limit / norm)`: the factor that brings gradients of `norm` within `limit` (0 means no limit). */
export function clipScale(norm: number, limit: number): number {
  return limit > 0 && norm > limit ? limit / norm : 1;
}

function zerosLike({ shape, data }: HostTensor): HostTensor {
  return { dtype: "float32", shape, data: new Float32Array(data.length) };
}
