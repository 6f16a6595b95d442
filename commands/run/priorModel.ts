/** From the options of `train-vim` to the model, its optimizer and what training it takes. */
import { UsageError } from "../../lib/errors.js";
import { VIM_SIZES } from "../../lib/models/sizes.js";
import { sequenceLength, type VimConfig, vimSpec } from "../../lib/models/vim.js";
import { countParameters, flattenSpecs, type ParamSpec } from "../../lib/nn/params.js";
import { adafactorCost } from "../../lib/train/adafactor.js";
import { adamWCost } from "../../lib/train/adamW.js";
import { type BatchSplit, partCount, partSize } from "../../lib/train/batchParts.js";
import type { TrainingSize, Work } from "../../lib/train/estimate.js";
import type { OptimizerOptions } from "../../lib/train/optimizer.js";
import { inLanes, priorLossPlan, priorPlan } from "../../lib/train/plans.js";
import { warmupHoldExponential } from "../../lib/train/schedules.js";
import type { TrainVimConfig } from "../trainVim.js";
import { expectArrays, parameterShapes } from "./arraySizes.js";
import type { PriorData } from "./priorData.js";

type Codes = Pick<PriorData, "grid" | "vocabulary" | "classes">;

const ACTIVATIONS = { gelu: "gelu", "squared-relu": "squaredRelu", tanh: "tanh" } as const;

/**
 * The model that options and data ask for; what stands at its default is left out of its config.
 * @throws UsageError when the heads do not divide the width and have none of their own, or sizes are too large
 */
export function vimConfig(config: TrainVimConfig, { grid, vocabulary, classes }: Codes): VimConfig {
  const size = VIM_SIZES[config.size];
  const dim = config.dim ?? size.dim;
  const heads = config.heads ?? size.heads;
  if (config.headDim === undefined && dim % heads !== 0)
    throw new UsageError(`--heads: want a divisor of the width ${dim}, got ${heads}; or give --head-dim`);
  const model: VimConfig = {
    dim,
    depth: config.depth ?? size.depth,
    heads,
    mlpDim: config.mlpDim ?? (config.dim === undefined ? size.mlpDim : 4 * dim),
    grid,
    vocabulary,
    classes,
    positions: config.positions,
    ...(config.headDim === undefined ? {} : { headDim: config.headDim }),
    ...(config.startPosition ? { startPosition: true } : {}),
    ...(config.activation === "gelu" ? {} : { activation: ACTIVATIONS[config.activation] }),
    ...(config.tokenShift ? { tokenShift: true } : {}),
    ...(config.qkvBias ? {} : { qkvBias: false }),
    ...(config.logitBias ? {} : { headBias: false }),
  };
  expectArrays({
    "a batch of codes": [config.batchSize, sequenceLength(model)],
    ...parameterShapes(flattenSpecs(vimSpec(model))),
  });
  return model;
}

/** How large the training is. */
export function priorSize(
  model: VimConfig,
  config: TrainVimConfig,
  {
    specs,
    encoding,
    split,
  }: {
    specs: Readonly<Record<string, ParamSpec>>;
    encoding: readonly Work[];
    split: Required<BatchSplit>;
  },
): TrainingSize {
  const { batchSize } = split;
  const { dropout, recompute, ema, val, holdOut } = config;
  const parameters = countParameters(specs);
  const update = config.optimizer === "adamw" ? adamWCost(parameters) : adafactorCost(specs, config);
  const plan = inLanes(priorPlan(model, { dropout, recompute, batchSize: partSize(split) }), split.lanes);
  const work: Work[] = [{ plan, perStep: partCount(split) }, ...encoding];
  if (val !== undefined || holdOut !== undefined) work.push({ plan: priorLossPlan(model, batchSize), perStep: 0 });
  const batchBytes = 4 * batchSize * (sequenceLength(model) + 1);
  return { work, parameters, update, averaged: ema > 0 ? parameters : 0, batchBytes };
}

export function optimizerOf(config: TrainVimConfig): OptimizerOptions {
  const { lr, lrFinal, warmup, hold, steps, beta1, beta2, beta2Schedule, weightDecay, clip, ema } = config;
  const schedule = warmupHoldExponential({
    peak: lr,
    final: lrFinal,
    warmup,
    hold: Math.round(hold * steps),
    total: steps,
  });
  const shared = { schedule, beta1, weightDecay, clip, ema };
  if (config.optimizer === "adamw") return { ...shared, rule: "adamw", beta2, epsilon: 1e-8 };
  const secondDecay = beta2Schedule === "power" ? beta2Schedule : beta2;
  return { ...shared, rule: "adafactor", beta2: secondDecay, updateClip: config.updateClip };
}
