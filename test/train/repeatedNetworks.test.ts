/** Training that does many steps in one call of the engine, against training step by step. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createRepeated } from "../../lib/engine/onnxruntime.js";
import type { Engine, Repeated } from "../../lib/engine/types.js";
import { EMA_CODEBOOK } from "../../lib/train/emaCodebook.js";
import { stepsInCall } from "../../lib/train/networks.js";
import type { Trainer } from "../../lib/train/trainer.js";
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
  imagesOf,
  priorTrainer,
  STEADY,
  snapshot,
  TASK,
  tokenizerTrainer,
  tokensOf,
} from "./support.js";

const test = suite("train/repeatedNetworks");

const optimizer = STEADY;

type Counted = Engine & {
  /** Steps of every call so far. */
  readonly calls: readonly number[];
};

/** The processor as if it kept no state between calls. */
async function repeatingEngine(): Promise<Counted> {
  const calls: number[] = [];
  const { compile } = await createRepeated({ threads: 1 });
  const counted: Repeated = {
    compile: async (...how) => {
      const program = await compile(...how);
      return {
        ...program,
        run: (inputs, each) => {
          calls.push(each.length);
          return program.run(inputs, each);
        },
      };
    },
  };
  return { ...(await engine()), repeated: counted, calls };
}

const withCritic: Create = async (on, start) => tokenizerTrainer({ task: ADVERSARIAL, engine: on, optimizer }, start);
const prior: Create = async (on, start) =>
  priorTrainer({ dropout: 0.1, classDropout: 0.2, engine: on, optimizer }, start);

/** R1 comes after steps 0 and 4, and each is a call. */
const kinds = {
  "stage 1 with a discriminator": { create: withCritic, calls: [1, 1, 4, 1, 2] },
  "stage 2": { create: prior, calls: [7] },
};

for (const [name, { create, calls }] of Object.entries(kinds)) {
  test(`${name}: steps and state are those of training step by step`, async () => {
    const on = await repeatingEngine();
    await expectSameTraining(create, on, { to: 7 });
    assert.equal(on.calls, calls);
  });

  test(`${name}: it goes on from a checkpoint of host memory`, async () => {
    await expectSameTraining(create, await repeatingEngine(), { from: 3, to: 6 });
  });

  test(`${name}: a run cut off and continued ends in the same bytes`, async () => {
    const on = await repeatingEngine();
    await expectExactResume((start) => create(on, start), { middle: 3, total: 7 });
  });
}

test("parts of a batch give what parts in host memory do", async () => {
  const trained = async (on: Engine, accumulate: number) => {
    const trainer = await tokenizerTrainer({ engine: on, accumulate, optimizer, task: ADVERSARIAL });
    const metrics = await advance(trainer, 0, 3);
    const saved = await snapshot(trainer);
    await trainer.close();
    return { metrics, saved };
  };
  const on = await repeatingEngine();
  const [want, got] = [await trained(await engine(), 2), await trained(on, 2)];
  for (const [name, value] of Object.entries(want.metrics[2]!))
    expectClose([got.metrics[2]![name]!], [value], name, { relative: 1e-4, absolute: 1e-6 });
  expectCloseState(got.saved, want.saved);
  assert.equal(on.calls, [2, 2, 4]); // step 0, its R1, steps 1 and 2: a run for each part
});

test("codes are moved, by revival and by averages, as step by step", async () => {
  const revived: Create = async (on, start) =>
    tokenizerTrainer({ engine: on, optimizer, task: { ...TASK, revival: { quantizeFrom: 2, every: 3 } } }, start);
  const on = await repeatingEngine();
  await expectSameTraining(revived, on, { to: 8 });
  // Step 1 is the last before quantizing; every third from then on codes may be moved.
  assert.equal(on.calls, [2, 1, 3, 2]);
  const averages = { ...EMA_CODEBOOK, restartBelow: 0.1 };
  const model = { ...TASK.model, codebookUpdate: "ema" } as const;
  const averaged: Create = async (on, start) =>
    tokenizerTrainer({ engine: on, optimizer, task: { ...TASK, averages, model } }, start);
  await expectSameTraining(averaged, await repeatingEngine());
});

test("frozen parameters are read and stay", async () => {
  const { model } = await snapshot(await tokenizerTrainer());
  const frozen = Object.fromEntries(Object.entries(model).filter(([name]) => !name.startsWith("decoder/")));
  const task = { ...TASK, frozen: ["encoder/", "quantizer/"] };
  const on = await repeatingEngine();
  await expectSameTraining(async (on, start) => tokenizerTrainer({ engine: on, optimizer, task, frozen }, start), on);
  assert.equal(on.calls, [5]);
});

test("without a moving average, an evaluation uses the weights in training", async () => {
  const plain = { ...optimizer, ema: 0, clip: 0 };
  const trainers = [
    await priorTrainer({ optimizer: plain }),
    await priorTrainer({ optimizer: plain, engine: await repeatingEngine() }),
  ];
  const scores: number[] = [];
  for (const trainer of trainers) {
    await advance(trainer, 0, 5);
    scores.push(await trainer.evaluate(tokensOf(100)));
    await trainer.close();
  }
  expectClose([scores[1]!], [scores[0]!], "nll", { relative: 1e-5 });
});

/** A trainer whose images of one step begin with one that is no numbers. */
const damagedAt = (bad: number, on: Engine, accumulate = 1) => {
  let next = 0;
  const nextImages = async () => {
    const images = imagesOf(next);
    return next++ === bad ? images.fill(Number.NaN, 0, 64) : images;
  };
  return tokenizerTrainer({ engine: on, optimizer, accumulate, nextImages });
};

async function reportsOf(trainer: Trainer, steps: number) {
  const applied: boolean[] = [];
  for (let step = 0; step < steps; step++) applied.push((await trainer.step(step, steps - step)).applied);
  return applied;
}

for (const accumulate of [1, 2])
  test(`a step that is not finite moves nothing, and those after it are as if it had not been, parts: ${accumulate}`, async () => {
    const on = await repeatingEngine();
    const [judge, trainer] = [await damagedAt(2, await engine(), accumulate), await damagedAt(2, on, accumulate)];
    const want = await reportsOf(judge, 6);
    assert.equal(want, [true, true, false, true, true, true]);
    assert.equal(await reportsOf(trainer, 6), want);
    // All, once more up to it, then one by one; a run for each part.
    assert.equal(
      on.calls,
      [6, 3, 1, 1, 1].map((steps) => steps * accumulate),
    );
    expectCloseState(await snapshot(trainer), await snapshot(judge));
    await judge.close();
    await trainer.close();
  });

test("the last step of a call that is not finite leaves the state as it was", async () => {
  const on = await repeatingEngine();
  const trainer = await damagedAt(3, on);
  await advance(trainer, 0, 3);
  const before = await snapshot(trainer);
  assert.equal((await trainer.step(3)).applied, false);
  expectSameState(await snapshot(trainer), before);
  await trainer.close();
});

test("reports say how many steps are done already, and room bounds them", async () => {
  const on = await repeatingEngine();
  const trainer = await priorTrainer({ engine: on, optimizer });
  const ahead: (number | undefined)[] = [];
  for (let step = 0; step < 5; step++) ahead.push((await trainer.step(step, 3)).ahead);
  assert.equal(ahead, [2, 1, 0, 2, 1]);
  await trainer.close();
  const host = await priorTrainer();
  assert.is((await host.step(0, 3)).ahead, 0);
  await host.close();
});

test("a call has 32 steps at most, and fewer of large batches", async () => {
  const on = await repeatingEngine();
  const trainer = await priorTrainer({ engine: on, optimizer });
  await advance(trainer, 0, 70);
  assert.equal(on.calls, [32, 32, 6]);
  await trainer.close();
  const ofBatches = (bytes: number) => stepsInCall(on, bytes);
  assert.equal([2 ** 20, 2 ** 24, 2 ** 27, 2 ** 30].map(ofBatches), [32, 16, 2, 1]);
  assert.is(stepsInCall(await engine(), 1), 1);
});

test("only AdamW moves networks there", async () => {
  const on = await repeatingEngine();
  const trainer = priorTrainer({ engine: on, optimizer: ADAFACTOR });
  await expectRejection(trainer, RangeError, /adafactor updates in host memory alone/);
});

test.run();
