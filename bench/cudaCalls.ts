/**
 * Trains stage 2 in ONNX Runtime's CUDA provider, as many steps in one call as asked for.
 *
 *     node dist/bench/cudaCalls.js [--size tiny|small] [--steps 16]
 *
 * Made for the CUDA of `bench/cuda/driver.py`, which computes nothing and says what was copied: see docs/cuda.md. A node that
 * CUDA has no kernel for is an error.
 */
import { parseArgs } from "node:util";
import { createOnnxEngine } from "../lib/engine/onnxruntime.js";
import { sequenceLength } from "../lib/models/vim.js";
import { samplingModel } from "../lib/speed/sampling.js";
import { SPEED_SIZES } from "../lib/speed/sizes.js";
import { SPEED_OPTIMIZER } from "../lib/speed/training.js";
import { stepsInCall } from "../lib/train/networks.js";
import { PriorTrainer } from "../lib/train/priorTrainer.js";
import { positiveInteger } from "./options.js";

const { values } = parseArgs({
  options: { size: { type: "string", default: "tiny" }, steps: { type: "string", default: "16" } },
});
const engine = await createOnnxEngine({ device: "cuda" });
const steps = Math.min(positiveInteger("steps", values.steps), stepsInCall(engine, 1));
const { prior, priorBatch: batchSize } = values.size === "small" ? SPEED_SIZES.small : SPEED_SIZES.tiny;
const model = samplingModel(prior);
const codes = new Int32Array(batchSize * sequenceLength(model));
const labels = new Int32Array(batchSize);
const trainer = new PriorTrainer({
  engine,
  model,
  dropout: 0.1,
  classDropout: 0,
  optimizer: SPEED_OPTIMIZER,
  batchSize,
  seed: 1,
  dimensions: 1,
  nextBatch: async () => ({ codes, labels }),
});
for (let step = 0; step < steps; step++) await trainer.step(step, steps - step);
console.log(`${steps} steps in a call`);
await trainer.close();
