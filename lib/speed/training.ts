/** Steps of training as the trainers do them: losses, gradients, update, moving average. */
import { sequenceLength, vimSpec } from "../models/vim.js";
import { countParameters, flattenSpecs } from "../nn/params.js";
import { rngFrom, streamSeed } from "../random.js";
import { chooseLanes } from "../train/lanes.js";
import { stepsInCall } from "../train/networks.js";
import type { OptimizerOptions } from "../train/optimizer.js";
import { priorPlan } from "../train/plans.js";
import { PriorTrainer } from "../train/priorTrainer.js";
import { leastImages } from "../train/tokenizerSteps.js";
import { TokenizerTrainer } from "../train/tokenizerTrainer.js";
import type { Trainer } from "../train/trainer.js";
import { type Means, type Prepared, SEED } from "./measurement.js";
import { samplingModel } from "./sampling.js";
import { randomImages, type Stage1Losses, stage1Plan, stage1Specs, stage1Task } from "./stage1.js";

/** `vitvq train-vim`'s; none of the values changes what an update takes. */
export const SPEED_OPTIMIZER: OptimizerOptions = {
  rule: "adamw",
  schedule: () => 1e-4,
  beta1: 0.9,
  beta2: 0.96,
  epsilon: 1e-8,
  weightDecay: 0.045,
  clip: 1,
  ema: 0.999,
};

const DROPOUT = 0.1;

/** Steps of stage 1 on noise, as many as the engine does in a call; of `full` without R1, which comes every 16th step in training. */
export async function tokenizerTraining({ size, openEngine, lanes }: Means, losses: Stage1Losses): Promise<Prepared> {
  const { stage1 } = size;
  const task = stage1Task(stage1, losses, SEED);
  const images = randomImages(stage1, streamSeed(SEED, "images")).data as Float32Array;
  const engine = await openEngine();
  const parameters = countParameters(stage1Specs(task));
  const trainer = new TokenizerTrainer({
    engine,
    task,
    optimizer: SPEED_OPTIMIZER,
    batchSize: stage1.batch,
    lanes: lanes ?? chooseLanes(engine, { batchSize: stage1.batch, parameters, leastImages: leastImages(task) }),
    seed: SEED,
    adversarialStart: 0,
    nextImages: async () => images,
  });
  const plans = [stage1Plan(task, stage1)];
  const steps = stepsInCall(engine, images.byteLength);
  return { ...runOf(trainer, steps), items: steps * stage1.batch, unit: "images", plans };
}

/** Steps of stage 2 on random codes, as many as the engine does in a call. */
export async function priorTraining({ size, openEngine, lanes }: Means): Promise<Prepared> {
  const { prior, priorBatch: batchSize } = size;
  const model = samplingModel(prior);
  const rng = rngFrom(streamSeed(SEED, "codes"));
  const codes = Int32Array.from({ length: batchSize * sequenceLength(model) }, () => rng.integer(model.vocabulary));
  const labels = new Int32Array(batchSize).fill(-1);
  const engine = await openEngine();
  const parameters = countParameters(flattenSpecs(vimSpec(model)));
  const trainer = new PriorTrainer({
    engine,
    model,
    dropout: DROPOUT,
    classDropout: 0,
    optimizer: SPEED_OPTIMIZER,
    batchSize,
    lanes: lanes ?? chooseLanes(engine, { batchSize, parameters }),
    seed: SEED,
    dimensions: size.stage1.imageSize ** 2,
    nextBatch: async () => ({ codes, labels }),
  });
  const plans = [priorPlan(model, { dropout: DROPOUT, batchSize })];
  const steps = stepsInCall(engine, codes.byteLength);
  return { ...runOf(trainer, steps), items: steps * batchSize, unit: "images", plans };
}

/** A run of as many steps as the engine does in a call. */
function runOf(trainer: Trainer, steps: number): Pick<Prepared, "run" | "steps" | "close"> {
  let step = 0;
  return {
    steps,
    run: async () => {
      for (let room = steps; room > 0; room--) {
        const { applied } = await trainer.step(step++, room);
        if (!applied)
          throw new Error(`step ${step - 1}: losses or gradients are not finite, so that nothing was updated`);
      }
    },
    close: () => trainer.close(),
  };
}
