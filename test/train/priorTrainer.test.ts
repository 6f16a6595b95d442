import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import type { OptimizerOptions } from "../../lib/train/optimizer.js";
import { expectClose, expectRejection } from "../support.js";
import {
  ADAFACTOR,
  advance,
  BATCH,
  copyState,
  expectExactResume,
  expectSameState,
  movedTensors,
  OPTIMIZER,
  priorTrainer,
  snapshot,
  tokensOf,
  VIM,
} from "./support.js";

const test = suite("train/priorTrainer");

test("one batch is learned by heart: the loss falls from ln K to under 0.05 nats a code within 200 steps", async () => {
  const trainer = await priorTrainer({
    optimizer: { ...OPTIMIZER, schedule: () => 1e-2, weightDecay: 0 },
    nextBatch: async () => tokensOf(0),
  });
  const metrics = await advance(trainer, 0, 200);
  const [first, last] = [metrics[0]!["nll"]!, metrics.at(-1)!["nll"]!];
  await trainer.close();
  expectClose([first], [Math.log(VIM.vocabulary)], "first loss", { absolute: 0.05 });
  assert.ok(last < 0.05, `it ended at ${last}`);
});

test("with adafactor the same batch is learned as fast as with adamw, within a tenth of the loss there was", async () => {
  const lossesWith = async (optimizer: OptimizerOptions) => {
    const trainer = await priorTrainer({
      optimizer: { ...optimizer, schedule: () => 1e-2, weightDecay: 0 },
      nextBatch: async () => tokensOf(0),
    });
    const metrics = await advance(trainer, 0, 200);
    await trainer.close();
    return [10, 20, 40, 80, 199].map((step) => metrics[step]!["nll"]!);
  };
  const [adamW, adafactor] = [await lossesWith(OPTIMIZER), await lossesWith(ADAFACTOR)];
  expectClose(adafactor, adamW, "losses", { absolute: 0.1 * Math.log(VIM.vocabulary) });
  assert.ok(adafactor.at(-1)! < 0.05, `it ended at ${adafactor.at(-1)}`);
});

test("bits per dimension are nats per code times codes over ln 2 and dimensions", async () => {
  const trainer = await priorTrainer({ dimensions: 64 });
  const [{ nll, bitsPerDimension } = {}] = await advance(trainer, 0, 1);
  await trainer.close();
  expectClose([bitsPerDimension!], [(nll! * 6) / Math.log(2) / 64], "bits per dimension", { relative: 1e-12 });
});

test("every parameter moves, with classes and starting tokens that were shown", async () => {
  const trainer = await priorTrainer({ optimizer: { ...OPTIMIZER, weightDecay: 0 } });
  const before = await snapshot(trainer);
  await advance(trainer, 0, 1);
  const after = await snapshot(trainer);
  await trainer.close();
  const params = (all: typeof before) =>
    Object.fromEntries(Object.entries(all.state).filter(([name]) => name.startsWith("model/params/")));
  assert.equal(movedTensors(params(before), params(after)), Object.keys(params(before)));
});

test("a row without label trains the token that means no class, and rows with one theirs", async () => {
  const rows = (change: (labels: Int32Array) => Int32Array) => async () => {
    const trainer = await priorTrainer({
      optimizer: { ...OPTIMIZER, weightDecay: 0 },
      nextBatch: async () => ({ ...tokensOf(0), labels: change(tokensOf(0).labels) }),
    });
    const at = async () => [...(await trainer.save()).state["model/params/classes"]!.data];
    const before = await at();
    await advance(trainer, 0, 1);
    const after = await at();
    await trainer.close();
    return [0, 1, 2, 3].filter((id) => before.slice(8 * id, 8 * id + 8).some((v, i) => v !== after[8 * id + i]));
  };
  assert.equal(await rows((labels) => labels.fill(1))(), [1]);
  assert.equal(await rows((labels) => labels.fill(-1))(), [3]);
  assert.equal(await rows(() => Int32Array.of(0, 2, -1, 2))(), [0, 2, 3]);
  assert.equal(await rows((labels) => labels.fill(7))(), [3], "a class the model does not have");
});

test("class dropout shows about its share of batches a row without class, by step", async () => {
  const shownNone = async (classDropout: number) => {
    const trainer = await priorTrainer({
      classDropout,
      optimizer: { ...OPTIMIZER, weightDecay: 0 },
      nextBatch: async () => ({ ...tokensOf(0), labels: new Int32Array(BATCH) }),
    });
    const start = await snapshot(trainer);
    const rowOfNone = async () => [...(await trainer.save()).state["model/params/classes"]!.data.subarray(24, 32)];
    const before = await rowOfNone();
    let none = 0;
    for (let step = 0; step < 60; step++) {
      await trainer.step(step);
      if ((await rowOfNone()).some((v, i) => v !== before[i])) none++;
      await trainer.restore(copyState(start));
    }
    await trainer.close();
    return none;
  };
  assert.is(await shownNone(0), 0);
  assert.is(await shownNone(1), 60);
  const some = await shownNone(0.2); // 1 - 0.8^4 = 59% of batches
  assert.ok(some > 24 && some < 47, `${some} of 60 batches`);
});

test("dropout changes the loss of a step but not an evaluation", async () => {
  const [plain, dropped] = [await priorTrainer(), await priorTrainer({ dropout: 0.5 })];
  assert.is(await plain.evaluate(tokensOf(3)), await dropped.evaluate(tokensOf(3)));
  const [[a], [b]] = [await advance(plain, 0, 1), await advance(dropped, 0, 1)];
  assert.is.not(a!["nll"], b!["nll"]);
  for (const trainer of [plain, dropped]) await trainer.close();
});

test("an evaluation uses the averaged weights and changes nothing", async () => {
  const trainer = await priorTrainer();
  await advance(trainer, 0, 5);
  const before = await snapshot(trainer);
  const nll = await trainer.evaluate(tokensOf(0));
  expectSameState(await snapshot(trainer), before);
  const plain = await priorTrainer({ optimizer: { ...OPTIMIZER, ema: 0 } });
  const { model } = before;
  const state = Object.fromEntries(
    Object.entries(before.state).map(([name, tensor]) => [name, model[name.replace("model/params/", "")] ?? tensor]),
  );
  await plain.restore({ model, state, metadata: before.metadata });
  assert.is(await plain.evaluate(tokensOf(0)), nll);
  for (const one of [trainer, plain]) await one.close();
});

test("numbers that are not finite move nothing", async () => {
  const trainer = await priorTrainer({ optimizer: { ...OPTIMIZER, ema: 0 } });
  const spoiled = await snapshot(trainer);
  spoiled.state["model/params/head/bias"]!.data[0] = Number.NaN;
  await trainer.restore(spoiled);
  const bad = await snapshot(trainer);
  assert.not.ok((await trainer.step(0)).applied);
  expectSameState(await snapshot(trainer), bad);
  await trainer.close();
});

test("exact resume: 5 steps, a checkpoint and 7 more are 12 steps, bit by bit", () =>
  expectExactResume((start) => priorTrainer({}, start), { middle: 5, total: 12 }));

test("exact resume with adafactor and its moment of 8 bits", () =>
  expectExactResume((start) => priorTrainer({ optimizer: ADAFACTOR }, start), { middle: 5, total: 12 }));

test("exact resume with dropout and class dropout", () =>
  expectExactResume((start) => priorTrainer({ dropout: 0.3, classDropout: 0.4 }, start), { middle: 5, total: 12 }));

test("what is dropped depends on the seed and the step", async () => {
  const same = await snapshot(await priorTrainer());
  const lossOf = async (seed: number, step: number) => {
    const trainer = await priorTrainer({ seed, dropout: 0.3, nextBatch: async () => tokensOf(0) });
    await trainer.restore(copyState(same));
    const { metrics } = await trainer.step(step);
    await trainer.close();
    return metrics["nll"];
  };
  const loss = await lossOf(1, 0);
  assert.is(await lossOf(1, 0), loss);
  assert.is.not(await lossOf(2, 0), loss);
  assert.is.not(await lossOf(1, 1), loss);
});

test("the state of another model is refused", async () => {
  const saved = await snapshot(await priorTrainer());
  const other = await priorTrainer({ model: { ...VIM, vocabulary: 20 } });
  await expectRejection(() => other.restore(saved), FileError, /want params\/codes of shape \[20, 8\], got \[12, 8\]/);
});

test.run();
