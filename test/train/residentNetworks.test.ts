/** Training whose state stays on a device, against training in host memory. */
import nodeAssert from "node:assert/strict";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Engine } from "../../lib/engine/types.js";
import { EMA_CODEBOOK } from "../../lib/train/emaCodebook.js";
import { residentOnHost } from "../engine/support/residentOnHost.js";
import { missing, webgpu } from "../engine/support/webgpu.js";
import { expectClose } from "../support.js";
import {
  ADAFACTOR,
  ADVERSARIAL,
  advance,
  type Create,
  engine,
  expectCloseState,
  expectExactResume,
  expectSameState,
  expectSameTraining,
  priorTrainer,
  STEADY,
  snapshot,
  TASK,
  tokenizerTrainer,
  tokensOf,
} from "./support.js";

const optimizer = STEADY;

const withCritic: Create = async (on, start) => tokenizerTrainer({ task: ADVERSARIAL, engine: on, optimizer }, start);
const prior: Create = async (on, start) =>
  priorTrainer({ dropout: 0.1, classDropout: 0.2, engine: on, optimizer }, start);

const device = suite("train/residentNetworks on WebGPU");
const test = suite("train/residentNetworks");

const heldEngine = async () => residentOnHost(await engine());

for (const [name, create] of Object.entries({ "stage 1 with a discriminator": withCritic, "stage 2": prior })) {
  test(`${name}: steps and state are those of training in host memory`, async () => {
    await expectSameTraining(create, await heldEngine());
  });

  test(`${name}: it goes on from a checkpoint of host memory`, async () => {
    await expectSameTraining(create, await heldEngine(), { from: 3, to: 5 });
  });

  test(`${name}: a run cut off and continued ends in the same bytes`, async () => {
    const on = await heldEngine();
    await expectExactResume((start) => create(on, start), { middle: 3, total: 5 });
  });

  test(`${name}: no tensor stays behind, from step to step or after the end`, async () => {
    const on = await heldEngine();
    const trainer = await create(on);
    const counts = [];
    for (let step = 0; step < 8; step++) {
      await trainer.step(step);
      if (step === 5) await trainer.restore(await snapshot(trainer));
      counts.push(on.live());
    }
    assert.equal(new Set(counts).size, 1, counts.join(", "));
    await trainer.close();
    assert.is(on.live(), 0);
  });

  (missing === undefined ? device : device.skip)(`${name}: steps and state are those of the processor`, async () => {
    await expectSameTraining(create, await webgpu());
  });
}

test("gradients of parts are those of the whole batch", async () => {
  const trained = async (on: Engine, accumulate: number) => {
    const trainer = await priorTrainer({ engine: on, accumulate, optimizer });
    const [metrics] = await advance(trainer, 0, 1);
    const saved = await snapshot(trainer);
    await trainer.close();
    return { metrics: metrics!, saved };
  };
  const on = await heldEngine();
  const [whole, parts] = [await trained(await engine(), 1), await trained(on, 4)];
  expectClose([parts.metrics["gradientNorm"]!], [whole.metrics["gradientNorm"]!], "norm", { relative: 1e-4 });
  expectCloseState(parts.saved, whole.saved);
  assert.is(on.live(), 0);
});

test("codes are moved, by revival and by averages, as in host memory", async () => {
  const revived: Create = async (on, start) =>
    tokenizerTrainer({ engine: on, optimizer, task: { ...TASK, revival: { quantizeFrom: 2, every: 2 } } }, start);
  await expectSameTraining(revived, await heldEngine());
  const averages = { ...EMA_CODEBOOK, restartBelow: 0.1 };
  const averaged: Create = async (on, start) =>
    tokenizerTrainer(
      { engine: on, optimizer, task: { ...TASK, averages, model: { ...TASK.model, codebookUpdate: "ema" } } },
      start,
    );
  await expectSameTraining(averaged, await heldEngine());
});

test("without a moving average the weights to use are those in training", async () => {
  await expectSameTraining(
    async (on, start) => priorTrainer({ engine: on, optimizer: { ...optimizer, ema: 0, clip: 0 } }, start),
    await heldEngine(),
  );
});

test("frozen parameters are read from where they were placed", async () => {
  const { model } = await snapshot(await tokenizerTrainer());
  const frozen = Object.fromEntries(Object.entries(model).filter(([name]) => !name.startsWith("decoder/")));
  const task = { ...TASK, frozen: ["encoder/", "quantizer/"] };
  await expectSameTraining(
    async (on, start) => tokenizerTrainer({ engine: on, optimizer, task, frozen }, start),
    await heldEngine(),
  );
});

test("an evaluation uses the averaged weights", async () => {
  const trainers = [await priorTrainer(), await priorTrainer({ engine: await heldEngine() })];
  const scores = [];
  for (const trainer of trainers) {
    await advance(trainer, 0, 5);
    scores.push(await trainer.evaluate(tokensOf(100)));
    await trainer.close();
  }
  expectClose([scores[1]!], [scores[0]!], "nll", { relative: 1e-5 });
});

test("nothing moves when a gradient is not finite", async () => {
  const on = await heldEngine();
  const trainer = await tokenizerTrainer({
    engine: on,
    task: ADVERSARIAL,
    nextImages: async () => new Float32Array(4 * 64).fill(Number.NaN),
  });
  const before = await snapshot(trainer);
  const { applied } = await trainer.step(0);
  assert.not(applied);
  expectSameState(await snapshot(trainer), before);
  await trainer.close();
  assert.is(on.live(), 0);
});

test("Adafactor, which updates in host memory alone, is refused", async () => {
  await nodeAssert.rejects(async () => priorTrainer({ engine: await heldEngine(), optimizer: ADAFACTOR }), /adafactor/);
});

test.run();
device.run();
