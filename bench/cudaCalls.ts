/**
 * Trains stage 2 in ONNX Runtime's CUDA provider, as many steps in one call as asked for, or samples from it.
 *
 *     node dist/bench/cudaCalls.js [--size tiny|small] [--steps 16]
 *     node dist/bench/cudaCalls.js --sample 8 [--size tiny|small] [--top-k 100]    # 8 sequences, in calls of up to 64 codes
 *
 * Made for the CUDA of `bench/cuda/driver.py`, which computes nothing and says what was copied: see docs/cuda.md. A node that
 * CUDA has no kernel for is an error.
 */
import { parseArgs } from "node:util";
import { createOnnxEngine } from "../lib/engine/onnxruntime.js";
import { noClass, sequenceLength } from "../lib/models/vim.js";
import { PLAIN_SAMPLING } from "../lib/sample/draw.js";
import { createSampler } from "../lib/sample/sampler.js";
import { SEED } from "../lib/speed/measurement.js";
import { randomParams } from "../lib/speed/randomParams.js";
import { samplingModel, samplingSpecs } from "../lib/speed/sampling.js";
import { SPEED_SIZES } from "../lib/speed/sizes.js";
import { SPEED_OPTIMIZER } from "../lib/speed/training.js";
import { stepsInCall } from "../lib/train/networks.js";
import { PriorTrainer } from "../lib/train/priorTrainer.js";
import { positiveInteger } from "./options.js";

const { values } = parseArgs({
  options: {
    size: { type: "string", default: "tiny" },
    steps: { type: "string", default: "16" },
    sample: { type: "string" },
    "top-k": { type: "string" },
  },
});
const engine = await createOnnxEngine({ device: "cuda" });
const { prior, priorBatch } = values.size === "small" ? SPEED_SIZES.small : SPEED_SIZES.tiny;
const model = samplingModel(prior);
if (values.sample === undefined) await train(positiveInteger("steps", values.steps));
else await sample(positiveInteger("sample", values.sample));

async function train(most: number): Promise<void> {
  const steps = Math.min(most, stepsInCall(engine, 1));
  const codes = new Int32Array(priorBatch * sequenceLength(model));
  const labels = new Int32Array(priorBatch);
  const trainer = new PriorTrainer({
    engine,
    model,
    dropout: 0.1,
    classDropout: 0,
    optimizer: SPEED_OPTIMIZER,
    batchSize: priorBatch,
    seed: 1,
    dimensions: 1,
    nextBatch: async () => ({ codes, labels }),
  });
  for (let step = 0; step < steps; step++) await trainer.step(step, steps - step);
  console.log(`${steps} steps in a call`);
  await trainer.close();
}

async function sample(batchSize: number): Promise<void> {
  const weights = randomParams(samplingSpecs(prior), SEED);
  const sampler = await createSampler({ engine, model, weights, batchSize });
  const topK = values["top-k"] === undefined ? 0 : positiveInteger("top-k", values["top-k"]);
  const filters = Array.from({ length: batchSize }, () => ({ ...PLAIN_SAMPLING, topK }));
  const classIds = new Int32Array(batchSize).fill(noClass(model));
  await sampler.sample({ classIds, seeds: filters.map((_, b) => b), filters });
  console.log(`${batchSize} sequences of ${sequenceLength(model)} codes`);
  await sampler.close();
}
