/** Long trainings keep nothing of their steps: objects, tensors and sessions are counted, since bytes vary. */
import { setTimeout as sleep } from "node:timers/promises";
import * as tf from "@tensorflow/tfjs";
import ort from "onnxruntime-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openLoader } from "../../lib/data/loader.js";
import { openSource } from "../../lib/data/source.js";
import { createReconstructor } from "../../lib/train/reconstructor.js";
import { countObjects, fixture, unlessCounted } from "../support.js";
import { ADVERSARIAL, advance, BATCH, engine, priorTrainer, TOKENIZER, tokenizerTrainer, tokensOf } from "./support.js";

const test = suite("train/leaks");

const counting = countObjects ? test : test.skip;

const STEPS = 150;

/** Objects of JavaScript, and tensors that tfjs knows. */
async function alive(): Promise<{ objects: number; tensors: number }> {
  await sleep(30); // ms; what other threads hold is given back
  return { objects: countObjects!(), tensors: tf.memory().numTensors };
}

/** Runs steps to warm up, then many more, and requires that far fewer objects than one a step, and no tensors, stay. */
async function expectNothingKept(run: (from: number, to: number) => Promise<unknown>): Promise<void> {
  await run(0, 40);
  const before = await alive();
  await run(40, 40 + STEPS);
  const after = await alive();
  const kept = after.objects - before.objects;
  assert.ok(kept < STEPS / 3, `${kept} objects stayed after ${STEPS} steps`);
  assert.is(after.tensors, before.tensors);
}

counting(
  `steps of stage 1 with a discriminator keep nothing, nor do the images they are given${unlessCounted}`,
  async () => {
    const batches = openLoader({
      source: await openSource(fixture("emoji-mini", "val")),
      view: { size: TOKENIZER.imageSize, channels: 1 },
      augment: { resize: "cover", crop: "random", cropScale: [1, 1.5], flip: true },
      batchSize: BATCH,
      seed: 1,
      cacheBytes: 0, // kept images would look like a leak until all of them are
    });
    const trainer = await tokenizerTrainer({
      task: { ...ADVERSARIAL, revival: { quantizeFrom: 10, every: 3 } },
      nextImages: async () => (await batches.next()).images,
    });
    await expectNothingKept((from, to) => advance(trainer, from, to).then(() => trainer.takeIntervalMetrics()));
    await trainer.close();
    await batches.close();
  },
);

counting(`steps of stage 2 and scores between them keep nothing${unlessCounted}`, async () => {
  const trainer = await priorTrainer({ dropout: 0.1, classDropout: 0.1, accumulate: 2 });
  await expectNothingKept(async (from, to) => {
    await advance(trainer, from, to);
    for (let i = from; i < to; i++) await trainer.evaluate(tokensOf(i));
  });
  await trainer.close();
});

counting(`pictures and saved states keep nothing${unlessCounted}`, async () => {
  const trainer = await tokenizerTrainer();
  const reconstructor = await createReconstructor({ engine: await engine(), model: TOKENIZER, batchSize: BATCH });
  const images = new Float32Array(BATCH * TOKENIZER.imageSize ** 2);
  await expectNothingKept(async (from, to) => {
    for (let i = from; i < to; i++) await reconstructor.reconstruct((await trainer.save()).model, images);
  });
  await reconstructor.close();
  await trainer.close();
});

test("every session that a training opens is released when it closes, and steps open no further ones", async () => {
  const { InferenceSession } = ort;
  const create = InferenceSession.create;
  let [opened, released] = [0, 0];
  InferenceSession.create = (async (...args: Parameters<typeof create>) => {
    const session = await create(...args);
    opened++;
    const release = session.release.bind(session);
    session.release = () => {
      released++;
      return release();
    };
    return session;
  }) as typeof create;
  try {
    const task = { ...ADVERSARIAL, revival: { quantizeFrom: 2, every: 3 } };
    const trainers = [await tokenizerTrainer({ task, adversarialStart: 4 }), await priorTrainer()] as const;
    for (const trainer of trainers) await advance(trainer, 0, 10);
    await trainers[1].evaluate(tokensOf(0));
    const compiled = opened;
    assert.is(compiled, 4 + 2); // three kinds of steps and R1; training and scores
    for (const trainer of trainers) await advance(trainer, 10, 30);
    assert.equal([opened, released], [compiled, 0]);
    for (const trainer of trainers) await trainer.close();
    assert.is(released, compiled);
  } finally {
    InferenceSession.create = create;
  }
});

test.run();
