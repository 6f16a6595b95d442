/** What a training will take, told before it begins. */
import type { MachineRates } from "../engine/machineRates.js";
import { stepCost } from "../engine/stepCost.js";
import type { Plan } from "./plans.js";
import type { UpdateCost } from "./updateRule.js";

export type Work = {
  readonly plan: Plan;
  /** How often it runs in a training step, on average; 0 for what runs now and then. */
  readonly perStep: number;
};

export type TrainingSize = {
  /** Everything that will be compiled. */
  readonly work: readonly Work[];
  /** Numbers that the optimizers move. */
  readonly parameters: number;
  /** What moving them takes. */
  readonly update: UpdateCost;
  /** Numbers that have a moving average. */
  readonly averaged: number;
  /** Bytes of a batch. */
  readonly batchBytes: number;
};

export type TrainingEstimate = {
  readonly secondsPerStep: number;
  /** Most memory of the process. */
  readonly peakBytes: number;
  /** Of that, what the optimizers keep beside the weights and their average. */
  readonly optimizerBytes: number;
};

/** Passes of the moving average over a parameter: both read, one written. */
const AVERAGE_PASSES = 3;

/** Batches that exist at a time: one in work, two being made. */
const BATCHES = 3;

/** What an arena takes over the buffers alive in it: 14% measured with ViT-VQGAN-SS. */
const ARENA = 1.15;

/**
 * Time of a step and memory of the process.
 *
 * Time: multiply-adds and bytes moved, at the machine's rates. Memory: what the process has now, weights and moments, the
 * results of the largest step on the JavaScript side, and every program's own peak, since a session keeps its buffers.
 * @param baseBytes what the process takes before anything is compiled
 */
export function estimateTraining(size: TrainingSize, rates: MachineRates, baseBytes: number): TrainingEstimate {
  const costs = size.work.map(({ plan: { step, options }, perStep }) => {
    return { ...stepCost(step, options), perStep, lanes: options.lanes ?? 1 };
  });
  const updated = size.update.movedBytes + 4 * AVERAGE_PASSES * size.averaged;
  let secondsPerStep = updated / rates.bytes;
  for (const { multiplyAdds, movedBytes, resultBytes, perStep } of costs)
    secondsPerStep += perStep * (multiplyAdds / rates.multiplyAdds + (movedBytes + 2 * resultBytes) / rates.bytes);
  const results = Math.max(...costs.map(({ resultBytes }) => resultBytes));
  const { stateBytes: optimizerBytes } = size.update;
  const state = 4 * (size.parameters + size.averaged) + optimizerBytes;
  const programs = Math.ceil(ARENA * costs.reduce((sum, { lanes, peakBytes }) => sum + lanes * peakBytes, 0));
  const lanes = Math.max(...costs.map((cost) => cost.lanes));
  const copies = lanes > 1 ? 4 * lanes * size.parameters : 0; // each lane's own of the weights
  // Of every lane, and of the step before, not collected yet. The engine's are in its peak.
  const allResults = (lanes + 1) * results;
  const peakBytes = baseBytes + state + copies + allResults + programs + BATCHES * size.batchBytes;
  return { secondsPerStep, peakBytes, optimizerBytes };
}
