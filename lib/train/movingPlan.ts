/** A step and the update by its gradients as one step, which moves networks where the engine computes. */
import * as tf from "@tensorflow/tfjs";
import type { HostTensor, NamedHostTensors, NamedTensors, Repetition, Step, TensorSpec } from "../engine/types.js";
import { mapValues, pickNames } from "../records.js";
import { sizeOf } from "../shapes.js";
import { type AdamWNetwork, adamWPlan, NEXT, UPDATE, WATCHED } from "./adamWStep.js";
import { GRADIENT, withPrefix } from "./named.js";
import type { Plan } from "./plans.js";

export type MovingOptions = {
  /** What moves, by name. */
  readonly networks: Readonly<Record<string, AdamWNetwork>>;
  /** The inputs that make a batch, or a part of one. */
  readonly batch: readonly string[];
  /** Parts of a batch, each a run of the step. */
  readonly parts: number;
  /** A result that must be finite for anything to move. */
  readonly loss: string;
};

/** A step to be run many times in a row. */
export type MovingPlan = Plan & {
  readonly repetition: Repetition;
  /** What else is carried, besides the state: of no meaning before the first part and after the last. */
  readonly sums: NamedHostTensors;
};

/** Which part of a batch it is, of several: see `partNumbers`. */
const PART = "part";
/** What the sums over the parts so far begin with. */
const SUM = "sum/";

/**
 * `plan` and the AdamW update by its gradients, of all networks that the plan reads; with several parts the update by the sum of
 * the gradients of a batch, at its last part.
 * Inputs: those of the plan less parameters, those of `adamWPlan` less gradients, with several parts also `sums` and
 * `part`. Results: those of the plan less gradients, and those of `adamWPlan`, which mean something at a last part.
 */
export function movingPlan(plan: Plan, { networks, batch, parts, loss }: MovingOptions): MovingPlan {
  const update = adamWPlan(networks);
  const updateInputs = pickNames(update.options.inputs, (name) => !name.startsWith(GRADIENT));
  const isNumber = (name: string) => name.startsWith(UPDATE);
  const others = pickNames(plan.options.inputs, (name) => paramsName(networks, name) === undefined);
  const sums = parts > 1 ? startSums(update) : {};
  const sumInputs = mapValues(sums, ({ dtype, shape }) => ({ dtype, shape }));
  const partInput: Record<string, TensorSpec> = parts > 1 ? { [PART]: { dtype: "float32", shape: [2] } } : {};

  /** What the plan is given, and nothing else: it takes all that begins like a network for its parameters. */
  const planInputs = (inputs: NamedTensors): NamedTensors => ({
    ...pickNames(inputs, (name) => Object.hasOwn(plan.options.constants ?? {}, name)),
    ...mapValues(plan.options.inputs, (_, name) => inputs[paramsName(networks, name) ?? name]!),
  });
  const step: Step = (inputs) => {
    const results = plan.step(planInputs(inputs));
    const gradients = pickNames(results, (name) => name.startsWith(GRADIENT));
    const rest = pickNames(results, (name) => !name.startsWith(GRADIENT));
    const own = { ...gradients, [WATCHED]: rest[loss]! };
    if (parts === 1) return { ...rest, ...update.step({ ...inputs, ...own }) };
    const [goesOn, isLast] = tf.unstack(inputs[PART]!).map((flag) => tf.greater(flag, 0)) as [tf.Tensor, tf.Tensor];
    const total = mapValues(own, (one, name) => tf.add(one, tf.where(goesOn, inputs[SUM + name]!, tf.zerosLike(one))));
    const watched = tf.where(isLast, total[WATCHED]!, tf.scalar(Number.NaN)); // nothing moves before the last part
    return { ...rest, ...update.step({ ...inputs, ...total, [WATCHED]: watched }), ...withPrefix(NEXT + SUM, total) };
  };
  const carried = [...Object.keys(updateInputs).filter((name) => !isNumber(name)), ...Object.keys(sums)];
  return {
    step,
    options: { ...plan.options, inputs: { ...updateInputs, ...others, ...sumInputs, ...partInput } },
    repetition: {
      next: Object.fromEntries(carried.map((name) => [name, NEXT + name])),
      each: [...Object.keys(updateInputs).filter(isNumber), ...batch, ...Object.keys(partInput)],
    },
    sums,
  };
}

/** What `movingPlan` is told of part `part` of `parts`: whether it goes on with the sums before it, and whether it is the last. */
export function partNumbers(part: number, parts: number): NamedHostTensors {
  if (parts === 1) return {};
  const data = Float32Array.of(part > 0 ? 1 : 0, part === parts - 1 ? 1 : 0);
  return { [PART]: { dtype: "float32", shape: [2], data } };
}

/** Zeros for the sums of all gradients and of the loss. */
function startSums({ options }: Plan): NamedHostTensors {
  const gradients = pickNames(options.inputs, (name) => name.startsWith(GRADIENT)) as Record<string, HostSpec>;
  const specs: Record<string, HostSpec> = { ...gradients, [WATCHED]: { dtype: "float32", shape: [] } };
  const zeros = mapValues(specs, ({ dtype, shape }) => {
    return { dtype, shape, data: new Float32Array(sizeOf(shape)) };
  });
  return withPrefix(SUM, zeros);
}

type HostSpec = Pick<HostTensor, "dtype" | "shape">;

/** The name that a parameter of a network that moves, `NETWORK/*`, has in its state. */
function paramsName(networks: MovingOptions["networks"], name: string): string | undefined {
  for (const [network, { specs }] of Object.entries(networks)) {
    const parameter = name.slice(network.length);
    if (name.startsWith(network) && Object.hasOwn(specs, parameter)) return `${network}params/${parameter}`;
  }
  return undefined;
}
