/** Training with products of float16 beside training in float32, on a device that has both. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Engine } from "../../lib/engine/types.js";
import type { TokenizerTask } from "../../lib/train/tokenizerSteps.js";
import type { Trainer } from "../../lib/train/trainer.js";
import { halfWebgpu, missingHalf, webgpu } from "../engine/support/webgpu.js";
import { expectClose } from "../support.js";
import {
  ADVERSARIAL,
  expectExactResume,
  imagesOf,
  priorTrainer,
  STEADY,
  snapshot,
  tokenizerTrainer,
  tokensOf,
  VIM,
} from "./support.js";

const test = suite(`train/halfPrecision${missingHalf === undefined ? "" : ` (skipped: ${missingHalf})`}`);
const onDevice = missingHalf === undefined ? test : test.skip;

/** Wide enough for products that are cut into pieces: 160 into two, 320 into four. */
const WIDE = { dim: 160, depth: 1, heads: 2, mlpDim: 320 };
const STEPS = 8;
/** Of losses, relative: a product is off by 0.2%, and updates follow it. */
const PARITY = 1e-2;

const TASK = { ...ADVERSARIAL, model: { ...ADVERSARIAL.model, encoder: WIDE, decoder: WIDE } };
/** The decoder gets the latents themselves: a code that changes at the edge between two would change everything after it. */
const SMOOTH = { ...TASK, revival: { quantizeFrom: STEPS, every: 0 } };
const optimizer = { ...STEADY, schedule: () => 3e-4 };
/** The same batch at every step, so that losses fall. */
const stages: Readonly<Record<string, (engine: Engine, task?: TokenizerTask) => Promise<Trainer>>> = {
  l2: (engine, task = SMOOTH) => tokenizerTrainer({ engine, task, optimizer, nextImages: async () => imagesOf(0) }),
  nll: (engine) => priorTrainer({ engine, model: { ...VIM, ...WIDE }, optimizer, nextBatch: async () => tokensOf(0) }),
};

/** Begins at a scale that these losses bear, so that no step is skipped and both trainings take the same updates. */
async function atScale(trainer: Trainer, scale: number): Promise<Trainer> {
  const saved = await snapshot(trainer);
  await trainer.restore({ ...saved, metadata: { ...saved.metadata, lossScale: { scale, good: 0 } } });
  return trainer;
}

async function lossesOf(trainer: Trainer, name: string): Promise<number[]> {
  const losses = [];
  for (let step = 0; step < STEPS; step++) {
    const { metrics, applied } = await trainer.step(step);
    assert.ok(applied, `step ${step} is applied`);
    losses.push(metrics[name]!);
  }
  await trainer.close();
  return losses;
}

for (const [loss, create] of Object.entries(stages)) {
  const stage = loss === "nll" ? "stage 2" : "stage 1 with a discriminator";

  onDevice(`${stage}: losses are those of float32 within 1%, and fall`, async () => {
    const want = await lossesOf(await create(await webgpu()), loss);
    const got = await lossesOf(await atScale(await create(await halfWebgpu()), 256), loss);
    got.forEach((value, step) => {
      expectClose([value], [want[step]!], `step ${step}: ${loss}`, { relative: PARITY });
    });
    assert.not.equal(got, want, "products are of float16");
    assert.ok(got.at(-1)! < 0.9 * got[0]!, `${loss} from ${got[0]} to ${got.at(-1)}`);
  });

  onDevice(`${stage}: a run cut off among overflows and continued ends in the same bytes`, async () => {
    const on = await halfWebgpu();
    let overflows = 0;
    const counted = async () => {
      const trainer = await atScale(await create(on, TASK), 2 ** 24);
      const step: Trainer["step"] = async (number) => {
        const report = await trainer.step(number);
        if (report.rescaled) overflows++;
        return report;
      };
      return Object.assign(Object.create(trainer) as Trainer, { step });
    };
    await expectExactResume(counted, { middle: 2, total: 5 });
    assert.ok(overflows > 0, "the scale of 2^24 is too large");
  });
}

test.run();
