/** Training whose state stays on a device, against training in host memory. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Engine } from "../../lib/engine/types.js";
import { EMA_CODEBOOK } from "../../lib/train/emaCodebook.js";
import { residentOnHost } from "../engine/support/residentOnHost.js";
import { missing, webgpu } from "../engine/support/webgpu.js";
import { expectClose, expectRejection } from "../support.js";
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

/** Up to the order in which factors are multiplied. */
function expectCloseMetrics(got: Record<string, number>[], want: Record<string, number>[]): void {
  assert.equal(got.map(Object.keys), want.map(Object.keys));
  got.forEach((metrics, step) => {
    for (const [name, value] of Object.entries(metrics))
      expectClose([value], [want[step]![name]!], `step ${step}: ${name}`, { relative: 1e-5, absolute: 1e-7 });
  });
}

const scaledEngine = async (largestGradient?: number) =>
  residentOnHost(await engine(), {
    precision: "float16",
    ...(largestGradient === undefined ? {} : { largestGradient }),
  });

for (const [name, create] of Object.entries({ "stage 1 with a discriminator": withCritic, "stage 2": prior })) {
  test(`${name}: a scaled loss, a power of two, changes last bits of losses and weights at most`, async () => {
    const [plain, scaled] = [await create(await heldEngine()), await create(await scaledEngine())];
    const [want, got] = [await advance(plain, 0, 5), await advance(scaled, 0, 5)];
    expectCloseMetrics(got, want);
    const [before, after] = [await snapshot(plain), await snapshot(scaled)];
    const { lossScale, ...metadata } = after.metadata;
    assert.equal(lossScale, { scale: 65536, good: name === "stage 2" ? 5 : 7 }); // R1 is an update, too: at steps 0 and 4
    expectCloseState({ ...after, metadata }, before);
    assert.equal(scaled.takeIntervalMetrics()["lossScale"], 65536);
    assert.not("lossScale" in plain.takeIntervalMetrics());
    await plain.close();
    await scaled.close();
  });

  test(`${name}: an overflow moves nothing and halves the scale until gradients are finite`, async () => {
    const on = await scaledEngine(100);
    const trainer = await create(on);
    const before = await snapshot(trainer);
    let step = 0;
    for (let scale = 65536; ; step++) {
      const { applied, rescaled } = await trainer.step(step);
      if (applied) break;
      scale /= 2;
      const after = await snapshot(trainer);
      assert.ok(rescaled);
      assert.is(trainer.takeIntervalMetrics()["lossScale"], scale);
      if (name === "stage 2") expectSameState({ ...after, metadata: before.metadata }, before);
    }
    assert.ok(step > 2 && step < 16, `${step} overflows`);
    await trainer.close();
    assert.is(on.live(), 0);
  });

  test(`${name}: a run cut off between overflows and continued ends in the same bytes`, async () => {
    const on = await scaledEngine(100);
    await expectExactResume((start) => create(on, start), { middle: 3, total: 18 });
  });
}

test("at the least scale a step that overflows counts as one that diverges", async () => {
  const trainer = await prior(await scaledEngine(0));
  for (let step = 0; step < 16; step++) assert.ok((await trainer.step(step)).rescaled);
  const { applied, rescaled } = await trainer.step(16);
  assert.equal([applied, rescaled], [false, false]);
  await trainer.close();
});

test("a loss that is not finite is no matter of its scale", async () => {
  const nextImages = async () => new Float32Array(4 * 64).fill(Number.NaN);
  const trainer = await tokenizerTrainer({ engine: await scaledEngine(), task: ADVERSARIAL, nextImages });
  const { applied, rescaled } = await trainer.step(0);
  assert.equal([applied, rescaled], [false, false]);
  await trainer.close();
});

test("the adaptive weight is that of the losses as they are", async () => {
  const adaptive: Create = async (on, start) =>
    tokenizerTrainer({ engine: on, optimizer, task: { ...ADVERSARIAL, adaptive: true } }, start);
  const [plain, scaled] = [await adaptive(await heldEngine()), await adaptive(await scaledEngine())];
  const [want, got] = [await advance(plain, 0, 3), await advance(scaled, 0, 3)];
  assert.ok(want.every(({ adaptive: weight }) => weight !== undefined && weight > 0));
  expectCloseMetrics(got, want);
  await plain.close();
  await scaled.close();
});

test("parts of a batch are summed at one scale", async () => {
  const trained = async (on: Engine) => {
    const trainer = await priorTrainer({ engine: on, accumulate: 4, optimizer });
    const metrics = await advance(trainer, 0, 2);
    await trainer.close();
    return metrics;
  };
  expectCloseMetrics(await trained(await scaledEngine()), await trained(await heldEngine()));
});

test("Adafactor, which updates in host memory alone, is refused", async () => {
  const trainer = priorTrainer({ engine: await heldEngine(), optimizer: ADAFACTOR });
  await expectRejection(trainer, RangeError, /adafactor/);
});

test.run();
device.run();
