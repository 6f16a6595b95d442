/** A step and the update by its gradients as one step, which moves networks where the engine computes. */
import * as tf from "@tensorflow/tfjs";
import type { NamedHostTensors, NamedTensors, Repetition, Step, TensorSpec } from "../engine/types.js";
import { mapValues, pickNames } from "../records.js";
import { type AdamWNetwork, adamWPlan, NEXT, UPDATE, WATCHED } from "./adamWStep.js";
import { isPerImage } from "./batchParts.js";
import { withPrefix } from "./named.js";
import type { Plan } from "./plans.js";
import { GRADIENT } from "./tokenizerSteps.js";

export type MovingOptions = {
  /** What moves, by name. */
  readonly networks: Readonly<Record<string, AdamWNetwork>>;
  /** The inputs of which every part of a batch has its own. */
  readonly batch: readonly string[];
  /** Parts of a batch. */
  readonly parts: number;
  /** A result that must be finite for anything to move. */
  readonly loss: string;
};

/**
 * `plan` on every part of a batch, and the AdamW update by the sum of their gradients, of all networks that the plan reads.
 * Inputs: those of `adamWPlan` less gradients, `PART/*` for what `batch` names (see `batchInputs`), and what else the plan
 * reads. Results: those of the plan less gradients, joined as `runParts` does, and those of `adamWPlan`.
 * @returns the step, and what becomes of its inputs from step to step: state is carried, batches and `update/*` differ
 */
export function movingPlan(plan: Plan, { networks, batch, parts, loss }: MovingOptions): Plan & Repeatable {
  const update = adamWPlan(networks);
  const updateInputs = pickNames(update.options.inputs, (name) => !name.startsWith(GRADIENT));
  const numbers = Object.keys(update.options.inputs).filter((name) => name.startsWith(UPDATE));
  const inPart = pickNames(plan.options.inputs, (name) => batch.includes(name));
  const batches: Record<string, TensorSpec> = {};
  for (let part = 0; part < parts; part++) Object.assign(batches, withPrefix(`${part}/`, inPart));
  const others = pickNames(plan.options.inputs, (name) => !batch.includes(name) && !paramsName(networks, name));

  /** What the plan is given for a part, and nothing else: it takes all that begins like a network for its parameters. */
  const planInputs = (inputs: NamedTensors, part: number): NamedTensors => ({
    ...pickNames(inputs, (name) => Object.hasOwn(plan.options.constants ?? {}, name)),
    ...mapValues(plan.options.inputs, (_, name) => {
      const own = batch.includes(name) ? `${part}/${name}` : paramsName(networks, name);
      return inputs[own ?? name]!;
    }),
  });
  const step: Step = (inputs) => {
    const all = joined(Array.from({ length: parts }, (_, part) => plan.step(planInputs(inputs, part))));
    const gradients = pickNames(all, (name) => name.startsWith(GRADIENT));
    const rest = pickNames(all, (name) => !name.startsWith(GRADIENT));
    return { ...rest, ...update.step({ ...inputs, ...gradients, [WATCHED]: rest[loss]! }) };
  };
  const carried = Object.keys(updateInputs).filter((name) => !numbers.includes(name));
  return {
    step,
    options: { ...plan.options, inputs: { ...updateInputs, ...batches, ...others } },
    repetition: {
      next: Object.fromEntries(carried.map((name) => [name, NEXT + name])),
      each: [...numbers, ...Object.keys(batches)],
    },
  };
}

type Repeatable = { readonly repetition: Repetition };

/** What `movingPlan` is given of a batch. */
export function batchInputs(parts: readonly NamedHostTensors[]): NamedHostTensors {
  return Object.assign({}, ...parts.map((part, i) => withPrefix(`${i}/`, part)));
}

/** The name that a parameter of a network that moves, `NETWORK/*`, has in its state. */
function paramsName(networks: MovingOptions["networks"], name: string): string | undefined {
  for (const [network, { specs }] of Object.entries(networks)) {
    const parameter = name.slice(network.length);
    if (name.startsWith(network) && Object.hasOwn(specs, parameter)) return `${network}params/${parameter}`;
  }
  return undefined;
}

/** Gradients summed, losses averaged, rows of images one after the other. */
function joined(results: readonly NamedTensors[]): NamedTensors {
  const [first, ...more] = results;
  if (more.length === 0) return first!;
  return mapValues(first!, (one, name) => {
    const all = results.map((result) => result[name]!);
    if (isPerImage(name, one)) return tf.concat(all);
    const sum = tf.addN(all);
    return name.startsWith(GRADIENT) ? sum : tf.div(sum, results.length);
  });
}
