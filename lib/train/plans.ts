/** The programs that training compiles: each step with the names and shapes of what it is given. */
import type { Engine, Program, Step, StepOptions, TensorSpec } from "../engine/types.js";
import { discriminatorOf } from "../models/discriminator.js";
import { type TokenizerConfig, tokenizerOf } from "../models/tokenizer.js";
import { sequenceLength, type VimConfig, vimSpec } from "../models/vim.js";
import { flattenSpecs, type SpecTree } from "../nn/params.js";
import { DISCRIMINATOR, inputSpecs, MODEL, PERCEPTUAL, withPrefix } from "./named.js";
import { type PriorStepOptions, priorLossStep, priorStep } from "./priorSteps.js";
import {
  r1Step,
  reconstructionStep,
  type TokenizerStepOptions,
  type TokenizerTask,
  tokenizerStep,
} from "./tokenizerSteps.js";

/** A step and what compiling it needs. */
export type Plan = { readonly step: Step; readonly options: StepOptions };

export function compilePlan(engine: Engine, { step, options }: Plan): Promise<Program> {
  return engine.compile(step, options);
}

/** The same, of which `lanes` runs are to go on side by side. */
export function inLanes({ step, options }: Plan, lanes: number): Plan {
  return { step, options: { ...options, lanes } };
}

/** A step of stage 1: the losses of `kind`, or the R1 penalty alone. */
export function tokenizerPlan(task: TokenizerTask, kind: TokenizerStepOptions | "r1", batchSize: number): Plan {
  const critic = networkInputs(DISCRIMINATOR, discriminatorOf(task.discriminator).spec);
  const images = imageInput(task.model, batchSize);
  if (kind === "r1") return { step: r1Step(task), options: { name: "train-vq r1", inputs: { ...critic, ...images } } };
  const model = networkInputs(MODEL, tokenizerOf(task.model).spec);
  const inputs = { ...model, ...(kind.adversarial ? critic : {}), ...images };
  const constants = task.perceptual ? { constants: withPrefix(PERCEPTUAL, task.perceptual.weights) } : {};
  return { step: tokenizerStep(task, kind), options: { name: `train-vq ${nameOf(kind)}`, inputs, ...constants } };
}

/** Reconstruction by weights that are inputs, for a model that is still in training. */
export function reconstructionPlan(model: TokenizerConfig, batchSize: number): Plan {
  const inputs = { ...networkInputs(MODEL, tokenizerOf(model).spec), ...imageInput(model, batchSize) };
  return { step: reconstructionStep(model), options: { name: "reconstruct", inputs } };
}

/** A training step of stage 2. */
export function priorPlan(model: VimConfig, options: PriorStepOptions & { readonly batchSize: number }): Plan {
  const { dropout, batchSize } = options;
  const seed: Record<string, TensorSpec> = dropout > 0 ? { dropoutSeed: { dtype: "int32", shape: [1] } } : {};
  const inputs = { ...priorInputs(model, batchSize), ...seed };
  return { step: priorStep(model, options), options: { name: "train-vim", inputs } };
}

/** The loss of stage 2 alone. */
export function priorLossPlan(model: VimConfig, batchSize: number): Plan {
  return { step: priorLossStep(model), options: { name: "train-vim loss", inputs: priorInputs(model, batchSize) } };
}

const nameOf = ({ quantized, adversarial }: TokenizerStepOptions) =>
  `${quantized ? "quantized" : "continuous"}${adversarial ? " adversarial" : ""}`;

function networkInputs(prefix: string, spec: SpecTree): Record<string, TensorSpec> {
  return inputSpecs(withPrefix(prefix, flattenSpecs(spec)));
}

function imageInput({ imageSize, channels }: TokenizerConfig, batchSize: number): Record<string, TensorSpec> {
  return { images: { dtype: "float32", shape: [batchSize, imageSize, imageSize, channels] } };
}

function priorInputs(model: VimConfig, batchSize: number): Record<string, TensorSpec> {
  return {
    ...networkInputs(MODEL, vimSpec(model)),
    codes: { dtype: "int32", shape: [batchSize, sequenceLength(model)] },
    classIds: { dtype: "int32", shape: [batchSize] },
  };
}
