/** The update of `adamW.ts` as a step, for networks that live on a device: norm, clipping, AdamW, moving average. */
import * as tf from "@tensorflow/tfjs";
import type { HostTensor, NamedTensors, Step, TensorSpec } from "../engine/types.js";
import type { ParamSpec } from "../nn/params.js";
import { mapNames, mapValues } from "../records.js";
import type { AdamWOptions } from "./adamW.js";
import { emaDecayAt } from "./ema.js";
import { GRADIENT, inputSpecs, underPrefix, withPrefix } from "./named.js";
import type { NetworkStart } from "./networks.js";
import type { Plan } from "./plans.js";

export type AdamWStepOptions = AdamWOptions & {
  /** Largest norm of all gradients together; 0 for no clipping. */
  readonly clip: number;
  /** Decay of the moving average of the weights; 0 for none. */
  readonly ema: number;
};

export type AdamWNetwork = {
  readonly specs: Readonly<Record<string, ParamSpec>>;
  readonly options: AdamWStepOptions;
};

/**
 * A network that is to be moved where the engine computes.
 * @throws RangeError for a rule other than AdamW
 */
export function asAdamW(start: NetworkStart): AdamWNetwork & { readonly start: NetworkStart } {
  const { optimizer } = start;
  if (optimizer.rule !== "adamw")
    throw new RangeError(`${optimizer.rule} updates in host memory alone, not on a device`);
  return { specs: start.specs, options: optimizer, start };
}

/** What the results that are the next state begin with. */
export const NEXT = "next/";
/** What the numbers of an update begin with: see `updateScalars`. */
export const UPDATE = "update/";
/** What the norms begin with. */
export const NORM = "norm/";
/** A number that must be finite for anything to move, beside the norms; a step that holds an update may give it. */
export const WATCHED = "watched";

/** Parts of a network's state. */
const PARTS = ["params", "first", "second", "average"] as const;

const hasPart = (part: Part, { ema }: AdamWStepOptions) => part !== "average" || ema > 0;

/**
 * One update of all `networks`, or of none when a gradient of any (or `WATCHED`) is not finite.
 * Inputs: `NETWORK/params/*`, `NETWORK/first/*`, `NETWORK/second/*`, `NETWORK/average/*` where it has one,
 * `gradient/NETWORK/*` (times what `updateScalars` is told to divide by), `update/NETWORK` (`updateScalars`). Results: the
 * same state under `next/`, and `norm/NETWORK`.
 * Source: as `adamWUpdate` and `emaUpdate`, which do the same on the host.
 */
export function adamWPlan(networks: Readonly<Record<string, AdamWNetwork>>): Plan {
  const inputs: Record<string, TensorSpec> = {};
  for (const [network, { specs, options }] of Object.entries(networks)) {
    const tensors = inputSpecs(specs);
    for (const part of PARTS)
      if (hasPart(part, options)) Object.assign(inputs, withPrefix(`${network}${part}/`, tensors));
    Object.assign(inputs, withPrefix(GRADIENT + network, tensors));
    inputs[UPDATE + network] = { dtype: "float32", shape: [SCALARS] };
  }
  const name = `update of ${Object.keys(networks).join(" and ")}`;
  return { step: adamWStep(networks), options: { name, inputs } };
}

const SCALARS = 5;

/**
 * The numbers that change from update to update, as the step takes them.
 * @param update number of the update, from 1, its learning rate, and what gradients are divided by: the parts of a batch
 *   that they are sums of, times the scale of the loss
 */
export function updateScalars(
  network: string,
  { options }: AdamWNetwork,
  { rate, step, divisor }: { rate: number; step: number; divisor: number },
): Record<string, HostTensor> {
  const data = Float32Array.of(
    rate / (1 - options.beta1 ** step),
    1 / Math.sqrt(1 - options.beta2 ** step),
    rate * options.weightDecay,
    options.ema > 0 ? 1 - emaDecayAt(step, options.ema) : 1,
    1 / divisor,
  );
  return { [UPDATE + network]: { dtype: "float32", shape: [SCALARS], data } };
}

function adamWStep(networks: Readonly<Record<string, AdamWNetwork>>): Step {
  return (inputs) => {
    const share = (network: string) => tf.slice(inputs[UPDATE + network]!, [SCALARS - 1], [1]).asScalar();
    const norms = mapValues(
      networks,
      (_, network) => tf.mul(norm(underPrefix(GRADIENT + network, inputs)), share(network)) as tf.Scalar,
    );
    const watched = inputs[WATCHED] ? [inputs[WATCHED]] : [];
    const finite = [...Object.values(norms), ...watched]
      .map((one) => tf.isFinite(one))
      .reduce((a, b) => tf.logicalAnd(a, b));
    const results: NamedTensors = mapNames(norms, (network) => NORM + network);
    for (const [network, { specs, options }] of Object.entries(networks)) {
      const gradientScale = tf.mul(clipScale(norms[network]!, options.clip), share(network));
      const [rate, correction, decayRate, averageRate] = tf.unstack(inputs[UPDATE + network]!) as tf.Scalar[];
      const scalars = { rate: rate!, correction: correction!, decayRate: decayRate!, averageRate: averageRate! };
      for (const [name, { decay }] of Object.entries(specs)) {
        const before: Tensors = {};
        for (const part of PARTS) if (hasPart(part, options)) before[part] = inputs[`${network}${part}/${name}`]!;
        const gradient = tf.mul(inputs[GRADIENT + network + name]!, gradientScale);
        const after = updated(before, gradient, { ...options, ...scalars, decay });
        for (const [part, tensor] of Object.entries(after))
          results[`${NEXT}${network}${part}/${name}`] = tf.where(finite, tensor, before[part as Part]!);
      }
    }
    return results;
  };
}

type Part = (typeof PARTS)[number];
type Tensors = Partial<Record<Part, tf.Tensor>>;
type Scalars = Record<"rate" | "correction" | "decayRate" | "averageRate", tf.Scalar>;

/** One tensor's state after an update. Weights are moved once, so that small decays are not lost in rounding. */
function updated(
  { params, first, second, average }: Tensors,
  g: tf.Tensor,
  { beta1, beta2, epsilon, decay, ...scalars }: AdamWStepOptions & Scalars & { decay: boolean },
): Tensors {
  const { rate, correction, decayRate, averageRate } = scalars;
  const m = tf.add(tf.mul(first!, beta1), tf.mul(g, 1 - beta1));
  const v = tf.add(tf.mul(second!, beta2), tf.mul(tf.mul(g, g), 1 - beta2));
  const pull = tf.div(tf.mul(m, rate), tf.add(tf.mul(tf.sqrt(v), correction), epsilon));
  const w = tf.sub(params!, decay ? tf.add(pull, tf.mul(params!, decayRate)) : pull);
  const next = { params: w, first: m, second: v };
  return average ? { ...next, average: tf.add(average, tf.mul(tf.sub(w, average), averageRate)) } : next;
}

/** Summed from the last layers on, whose gradients are made first: where they are made in the same graph none has to wait. */
function norm(gradients: NamedTensors): tf.Scalar {
  const lastFirst = Object.values(gradients).reverse();
  return tf.sqrt(tf.addN(lastFirst.map((g) => tf.sum(tf.square(g))))) as tf.Scalar;
}

/** `min(1, limit / norm)`; not a number where the norm is not, and then nothing moves. */
function clipScale(size: tf.Scalar, limit: number): tf.Scalar {
  if (limit === 0) return tf.scalar(1);
  return tf.minimum(tf.div(limit, tf.maximum(size, 1e-30)), 1) as tf.Scalar;
}
