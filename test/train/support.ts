/** Tiny trainings of both stages, and what tests of trainers look at. */
import path from "node:path";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { Engine, NamedHostTensors } from "../../lib/engine/types.js";
import { readCheckpoint } from "../../lib/files/checkpoints.js";
import { openRun } from "../../lib/files/runDirectory.js";
import type { VimConfig } from "../../lib/models/vim.js";
import type { VitVqganConfig } from "../../lib/models/vitVqgan.js";
import { rngFrom } from "../../lib/random.js";
import { copyTensors } from "../../lib/train/ema.js";
import type { OptimizerOptions } from "../../lib/train/optimizer.js";
import { type PriorBatch, PriorTrainer, type PriorTraining } from "../../lib/train/priorTrainer.js";
import type { TokenizerTask } from "../../lib/train/tokenizerSteps.js";
import { TokenizerTrainer, type TokenizerTraining } from "../../lib/train/tokenizerTrainer.js";
import type { Saved, Trainer } from "../../lib/train/trainer.js";
import { expectClose, inTemporaryFolder } from "../support.js";

const STACK = { dim: 8, depth: 1, heads: 2, mlpDim: 16 };

export const TOKENIZER: VitVqganConfig = {
  imageSize: 8,
  channels: 1,
  patchSize: 4,
  encoder: STACK,
  decoder: STACK,
  codebookSize: 16,
  codeDim: 4,
  l2Norm: true,
  commitment: 0.25,
  straightThrough: "normalized",
  vqReduction: "mean",
  head: "tanh",
  positions: "sincos",
  logitLaplace: true,
};

export const TASK: TokenizerTask = {
  model: TOKENIZER,
  weights: { l1: 0, l2: 1, logitLaplace: 0.1, perceptual: 0, vq: 1, adversarial: 0 },
  discriminator: { kind: "stylegan", imageSize: 8, channels: 1, channelScale: 0.004 },
  adversarialForm: "logistic",
  revival: { quantizeFrom: 0, every: 0 },
  r1: { gamma: 10, every: 4 },
};

export const ADVERSARIAL: TokenizerTask = { ...TASK, weights: { ...TASK.weights, adversarial: 0.1 } };

export const VIM: VimConfig = {
  dim: 8,
  heads: 2,
  mlpDim: 16,
  depth: 2,
  grid: [2, 3],
  vocabulary: 12,
  classes: 3,
  positions: "rowcol",
};

export const OPTIMIZER = {
  rule: "adamw",
  schedule: (step) => 3e-3 / (1 + step / 100),
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-8,
  weightDecay: 1e-2,
  clip: 1,
  ema: 0.9,
} as const satisfies OptimizerOptions;

/** With an epsilon above the noise of gradients that are 0 (those of the keys' biases), which Adam would blow up. */
export const STEADY = { ...OPTIMIZER, epsilon: 1e-3 } as const satisfies OptimizerOptions;

/** The same with the other rule. */
export const ADAFACTOR = {
  rule: "adafactor",
  schedule: OPTIMIZER.schedule,
  beta1: 0.9,
  beta2: 0.99,
  updateClip: 1,
  weightDecay: 1e-2,
  clip: 1,
  ema: 0.9,
} as const satisfies OptimizerOptions;

export const BATCH = 4;

let opened: Promise<Engine> | undefined;
/** One engine for all tests of a file. */
export const engine = () => {
  opened ??= createOnnxEngine({ threads: 1 });
  return opened;
};

/** Images of a step: gratings of random direction and phase. */
export function imagesOf(step: number): Float32Array {
  const { imageSize: side } = TOKENIZER;
  const images = new Float32Array(BATCH * side * side);
  for (let b = 0; b < BATCH; b++) {
    const rng = rngFrom(1000 * step + b);
    const [kx, ky, phase] = [2 * rng.uniform(), 2 * rng.uniform(), 6 * rng.uniform()];
    for (let i = 0; i < side * side; i++)
      images[b * side * side + i] = 0.5 + 0.5 * Math.sin(kx * (i % side) + ky * Math.floor(i / side) + phase);
  }
  return images;
}

/** Codes and labels of a step; the last row has no label. */
export function tokensOf(step: number): PriorBatch {
  const rng = rngFrom(step);
  const codes = Int32Array.from({ length: BATCH * 6 }, () => rng.integer(VIM.vocabulary));
  return { codes, labels: Int32Array.from({ length: BATCH }, (_, b) => (b === BATCH - 1 ? -1 : b % VIM.classes)) };
}

/** A trainer of stage 1 whose data begin with those of step `start`. */
export async function tokenizerTrainer(change: Partial<TokenizerTraining> = {}, start = 0): Promise<TokenizerTrainer> {
  let next = start;
  return new TokenizerTrainer({
    engine: await engine(),
    task: TASK,
    optimizer: OPTIMIZER,
    batchSize: BATCH,
    seed: 1,
    adversarialStart: 0,
    nextImages: async () => imagesOf(next++),
    ...change,
  });
}

/** A trainer of stage 2 whose data begin with those of step `start`. */
export async function priorTrainer(change: Partial<PriorTraining> = {}, start = 0): Promise<PriorTrainer> {
  let next = start;
  return new PriorTrainer({
    engine: await engine(),
    model: VIM,
    dropout: 0,
    classDropout: 0,
    optimizer: OPTIMIZER,
    batchSize: BATCH,
    seed: 1,
    dimensions: 64,
    nextBatch: async () => tokensOf(next++),
    ...change,
  });
}

/** Runs steps, at once where the trainer does so, and returns the metrics of each. */
export async function advance(trainer: Trainer, from: number, to: number): Promise<Record<string, number>[]> {
  const metrics: Record<string, number>[] = [];
  for (let step = from; step < to; step++) metrics.push({ ...(await trainer.step(step, to - step)).metrics });
  return metrics;
}

/** Everything a trainer saves, copied. */
export async function snapshot(trainer: Trainer): Promise<Saved> {
  return copyState(await trainer.save());
}

export function copyState({ model, state, metadata }: Saved): Saved {
  return { model: copyTensors(model), state: copyTensors(state), metadata };
}

/** Names of tensors that differ in any bit. */
export function movedTensors(before: NamedHostTensors, after: NamedHostTensors): string[] {
  assert.equal(Object.keys(after), Object.keys(before));
  return Object.keys(before).filter((name) => bits(before[name]!) !== bits(after[name]!));
}

/** Requires two saved states to be the same bit by bit. */
export function expectSameState(got: Saved, want: Saved): void {
  assert.equal(movedTensors(want.model, got.model), [], "model");
  assert.equal(movedTensors(want.state, got.state), [], "state");
  assert.equal(got.metadata, want.metadata);
}

/** A trainer on an engine, whose data begin with those of a step. */
export type Create = (on: Engine, start?: number) => Promise<Trainer>;

/**
 * Trains on the default engine and beside it on another, which goes on from the state of the first at step `from`, and
 * requires the same metrics at every step and the same state in the end.
 */
export async function expectSameTraining(create: Create, on: Engine, { from = 0, to = 5 } = {}): Promise<void> {
  const judge = await create(await engine());
  await advance(judge, 0, from);
  const other = await create(on, from);
  if (from > 0) await other.restore(await snapshot(judge));
  const want = await advance(judge, from, to);
  const got = await advance(other, from, to);
  want.forEach((metrics, step) => {
    assert.equal(Object.keys(got[step]!), Object.keys(metrics));
    for (const [name, value] of Object.entries(metrics))
      expectClose([got[step]![name]!], [value], `step ${step}: ${name}`, { relative: 1e-3, absolute: 1e-5 });
  });
  expectCloseState(await snapshot(other), await snapshot(judge));
  await judge.close();
  await other.close();
}

/** Requires two saved states to agree within what engines may differ by. */
export function expectCloseState(got: Saved, want: Saved): void {
  assert.equal(got.metadata, want.metadata);
  for (const part of ["model", "state"] as const) {
    assert.equal(Object.keys(got[part]).sort(), Object.keys(want[part]).sort());
    for (const [name, { data, shape }] of Object.entries(want[part])) {
      assert.equal([...got[part][name]!.shape], [...shape], name);
      expectClose(got[part][name]!.data, data, name, { relative: 1e-4, absolute: 1e-5 });
    }
  }
}

const bits = ({ data }: NamedHostTensors[string]) =>
  Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("latin1");

/**
 * Requires that `middle` steps, a checkpoint in a run directory, and a new trainer that goes on from it end in the
 * state, and report the numbers, of `total` steps without a break.
 */
export async function expectExactResume(
  create: (start: number) => Promise<Trainer>,
  { middle, total }: { middle: number; total: number },
): Promise<void> {
  const straight = await create(0);
  const straightMetrics = await advance(straight, 0, total);
  const want = await snapshot(straight);
  await straight.close();
  await inTemporaryFolder(async (folder) => {
    const place = path.join(folder, "run");
    const run = await openRun(place, { mode: "new", command: "test" });
    await run.writeConfig({ command: "test" });
    const first = await create(0);
    await advance(first, 0, middle);
    const { model, state, metadata } = await first.save();
    await run.saveCheckpoint(middle, { model, state }, metadata);
    await run.close();
    await first.close();

    const resumed = await openRun(place, { mode: "resume", command: "test" });
    const checkpoint = await resumed.resume();
    await resumed.close();
    assert.is(checkpoint?.step, middle);
    const second = await create(middle);
    await second.restore({ ...(await readCheckpoint(checkpoint!)), metadata: checkpoint!.metadata });
    assert.equal(await advance(second, middle, total), straightMetrics.slice(middle));
    expectSameState(await snapshot(second), want);
    await second.close();
  });
}
