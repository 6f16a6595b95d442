/** Sampling: one further code of every sequence, in the middle of the sequence. */
import { UsageError } from "../errors.js";
import { sequenceLength } from "../models/vim.js";
import { cachedStep } from "../sample/cachedSteps.js";
import type { Plan } from "../train/plans.js";
import { type Means, type Prepared, SEED } from "./measurement.js";
import { randomParams } from "./randomParams.js";
import {
  drawOnce,
  randomRows,
  type SamplingSize,
  samplingFeeds,
  samplingModel,
  samplingSpecs,
  samplingWork,
} from "./sampling.js";

/** A step for `batch` sequences, as many codes of each there as are still to come, since a step takes longer with each. */
export async function drawing({ size: { prior }, openEngine }: Means, batch: number): Promise<Prepared> {
  const model = samplingModel(prior);
  const size: SamplingSize = { ...prior, batch, filled: Math.floor(sequenceLength(model) / 2) };
  const feeds = samplingFeeds(size, randomRows(size, SEED));
  const { step, inputs } = cachedStep(model, batch);
  const constants = randomParams(samplingSpecs(size), SEED);
  const engine = await openEngine();
  if (engine.resident)
    throw new UsageError(
      `sample-${batch}: keys and values that stay on ${engine.device} are not measured; vitvq sample tells codes/s there`,
    );
  const program = await engine.compile(step, { name: "sample step", inputs, constants });
  // Inputs of the sizes they have now: multiply-adds of open ones cannot be counted.
  const fixed = Object.entries(feeds).map(([name, { dtype, shape }]) => [name, { dtype, shape }] as const);
  const plan: Plan = { step, options: { name: "sample step", inputs: Object.fromEntries(fixed), constants } };
  let number = 0;
  return {
    run: () => drawOnce(program, size, { feeds, number: ++number }),
    items: batch,
    unit: "codes",
    plans: [plan],
    work: samplingWork(size),
    close: () => program.dispose(),
  };
}
