/**
 * AdamW on typed arrays, in place: on CPU one fused pass over each parameter beats the same update inside the graph
 * and needs no second set of state.
 */
import type { HostTensor, NamedHostTensors } from "../engine/types.js";
import type { ParamSpec } from "../nn/params.js";

export type AdamWOptions = {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  /** Decoupled: weights shrink by `lr * weightDecay` a step, where their spec says so. */
  readonly weightDecay: number;
};

export type UpdateOptions = {
  /** Learning rate of this step. */
  readonly rate: number;
  /** Factor on all gradients (clipping). */
  readonly gradientScale: number;
  /** Number of this update, from 1; corrects the bias of the moments. */
  readonly step: number;
};

/** First and second moments by parameter name. */
export type Moments = { readonly first: NamedHostTensors; readonly second: NamedHostTensors };

/** Moments before the first update. */
export function zeroMoments(params: NamedHostTensors): Moments {
  const zeros = () => Object.fromEntries(Object.entries(params).map(([name, tensor]) => [name, zerosLike(tensor)]));
  return { first: zeros(), second: zeros() };
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
        weights: floats(state.params, name),
        gradient: floats(gradients, name),
        first: floats(state.moments.first, name),
        second: floats(state.moments.second, name),
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

function floats(tensors: NamedHostTensors, name: string): Float32Array {
  const data = tensors[name]?.data;
  if (!(data instanceof Float32Array)) throw new RangeError(`optimizer: ${name} is missing or not float32`);
  return data;
}

function zerosLike({ shape, data }: HostTensor): HostTensor {
  return { dtype: "float32", shape, data: new Float32Array(data.length) };
}
