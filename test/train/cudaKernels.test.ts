/** Whether CUDA has a kernel for every node of training and of what is made of it: the most that is known without a GPU. */

import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DISCRIMINATOR, MODEL } from "../../lib/train/named.js";
import "../../lib/engine/lowerings/index.js";
import { trace } from "../../lib/engine/traceBackend.js";
import { perceptualSpec } from "../../lib/losses/perceptual.js";
import { discriminatorOf } from "../../lib/models/discriminator.js";
import { tokenizerOf } from "../../lib/models/tokenizer.js";
import { type VimConfig, vimSpec } from "../../lib/models/vim.js";
import { flattenSpecs, initialise, type SpecTree } from "../../lib/nn/params.js";
import { prefillStep } from "../../lib/sample/cachedSteps.js";
import { decoderPlan, encoderPlan } from "../../lib/sample/codec.js";
import { drawingStep } from "../../lib/sample/repeatedDecoding.js";
import { asAdamW } from "../../lib/train/adamWStep.js";
import { movingPlan } from "../../lib/train/movingPlan.js";
import { type Plan, priorLossPlan, priorPlan, reconstructionPlan, tokenizerPlan } from "../../lib/train/plans.js";
import type { TokenizerTask } from "../../lib/train/tokenizerSteps.js";
import { withoutCudaKernel } from "../engine/support/cudaKernels.js";
import { ADVERSARIAL, BATCH, OPTIMIZER, VIM } from "./support.js";

const test = suite("train/cudaKernels");

const expectKernels = ({ step, options }: Plan) =>
  assert.equal(withoutCudaKernel(trace(step, options, "webgpu")), [], options.name);

const network = (spec: SpecTree) => {
  const specs = flattenSpecs(spec);
  return asAdamW({ initial: () => initialise(specs, 1), specs, optimizer: OPTIMIZER });
};

const VGG = { widths: [2, 2, 2, 2, 2], form: "lpips" } as const;
const MODEL_16 = { ...ADVERSARIAL.model, imageSize: 16, channels: 3 } as const;
/** Every loss; one discriminator of each kind. */
const FULL: TokenizerTask = {
  ...ADVERSARIAL,
  model: MODEL_16,
  weights: { l1: 0.1, l2: 1, logitLaplace: 0.1, perceptual: 0.1, vq: 1, adversarial: 0.1 },
  perceptual: { config: VGG, weights: initialise(flattenSpecs(perceptualSpec(VGG)), 1) },
  discriminator: { kind: "stylegan", imageSize: 16, channels: 3, channelScale: 0.004 },
};
const PATCH: TokenizerTask = {
  ...FULL,
  discriminator: { kind: "patch", imageSize: 16, channels: 3, width: 4, layers: 1 },
};

for (const [name, task] of Object.entries({ StyleGAN: FULL, PatchGAN: PATCH }))
  test(`stage 1 with all losses and ${name}'s discriminator`, () => {
    const networks = {
      [MODEL]: network(tokenizerOf(task.model).spec),
      [DISCRIMINATOR]: network(discriminatorOf(task.discriminator).spec),
    };
    for (const quantized of [false, true]) {
      const plan = tokenizerPlan(task, { quantized, adversarial: true }, BATCH);
      expectKernels(movingPlan(plan, { networks, batch: ["images"], parts: 2, loss: "loss" }));
    }
    const critic = { [DISCRIMINATOR]: networks[DISCRIMINATOR]! };
    const r1 = tokenizerPlan(task, "r1", BATCH);
    expectKernels(movingPlan(r1, { networks: critic, batch: ["images"], parts: 1, loss: "r1" }));
  });

test("stage 2 with dropout, also with token shift and squared ReLU", () => {
  const shifted: VimConfig = { ...VIM, tokenShift: true, activation: "squaredRelu" };
  for (const model of [VIM, shifted]) {
    const networks = { [MODEL]: network(vimSpec(model)) };
    const plan = priorPlan(model, { dropout: 0.1, recompute: true, batchSize: BATCH });
    const batch = ["codes", "classIds", "dropoutSeed"];
    expectKernels(movingPlan(plan, { networks, batch, parts: 1, loss: "nll" }));
    expectKernels(priorLossPlan(model, BATCH));
  }
});

test("images to codes, codes to images, and further codes", () => {
  const weights = initialise(flattenSpecs(tokenizerOf(MODEL_16).spec), 1);
  const codec = { model: MODEL_16, weights, batchSize: BATCH };
  for (const plan of [encoderPlan(codec), decoderPlan(codec), reconstructionPlan(MODEL_16, BATCH)]) expectKernels(plan);
  const constants = initialise(flattenSpecs(vimSpec(VIM)), 1);
  const sampling = { model: VIM, batchSize: BATCH, guidance: { scale: 2, schedule: "linear" } } as const;
  for (const { step, inputs } of [
    prefillStep(VIM, BATCH, 2),
    ...[false, true].map((cut) => drawingStep(sampling, cut)),
  ])
    expectKernels({ step, options: { name: "sample", inputs, constants } });
});

test("what CUDA has no kernel for is found", () => {
  const { step, options } = priorPlan(VIM, { dropout: 0.1, batchSize: BATCH });
  assert.ok(withoutCudaKernel(trace(step, options, "cpu")).length > 0); // fused operations of the processor
});

test.run();
