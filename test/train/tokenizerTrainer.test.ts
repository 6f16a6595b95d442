import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import type { Saved } from "../../lib/train/trainer.js";
import { expectRejection } from "../support.js";
import {
  ADAFACTOR,
  ADVERSARIAL,
  advance,
  expectExactResume,
  expectSameState,
  imagesOf,
  movedTensors,
  OPTIMIZER,
  snapshot,
  TASK,
  TOKENIZER,
  tokenizerTrainer,
} from "./support.js";

const test = suite("train/tokenizerTrainer");

const paramsUnder = (network: string, { state }: Saved) =>
  Object.fromEntries(Object.entries(state).filter(([name]) => name.startsWith(`${network}/params/`)));
const moved = (network: string, before: Saved, after: Saved) =>
  movedTensors(paramsUnder(network, before), paramsUnder(network, after)).map((name) =>
    name.slice(`${network}/params/`.length),
  );
const namesOf = (network: string, saved: Saved) =>
  Object.keys(paramsUnder(network, saved)).map((name) => name.slice(`${network}/params/`.length));

test("one batch is learned by heart: the squared error falls under 0.01 within 250 steps", async () => {
  const trainer = await tokenizerTrainer({
    optimizer: { ...OPTIMIZER, schedule: () => 1e-2, weightDecay: 0 },
    task: { ...TASK, weights: { ...TASK.weights, logitLaplace: 0 }, model: { ...TOKENIZER, logitLaplace: false } },
    nextImages: async () => imagesOf(0),
  });
  const metrics = await advance(trainer, 0, 250);
  const [first, last] = [metrics[0]!["l2"]!, metrics.at(-1)!["l2"]!];
  await trainer.close();
  assert.ok(first > 0.1, `it began at ${first}`);
  assert.ok(last < 0.01, `it ended at ${last}`);
});

test("every parameter of the tokenizer moves, codewords that were chosen among them", async () => {
  const trainer = await tokenizerTrainer();
  const before = await snapshot(trainer);
  await advance(trainer, 0, 1);
  const after = await snapshot(trainer);
  await trainer.close();
  const still = namesOf("model", before).filter((name) => !moved("model", before, after).includes(name));
  assert.equal(still, []);
});

test("what is frozen is given, not trained: it stays, no code is moved, and a checkpoint of another is refused", async () => {
  const first = await tokenizerTrainer();
  const { model } = await snapshot(first);
  await first.close();
  const frozen = Object.fromEntries(Object.entries(model).filter(([name]) => !name.startsWith("decoder/")));
  const task = { ...TASK, frozen: ["encoder/", "quantizer/"], revival: { quantizeFrom: 0, every: 1 } };
  const trainer = await tokenizerTrainer({ task, frozen });
  const before = await snapshot(trainer);
  const metrics = await advance(trainer, 0, 3);
  const after = await snapshot(trainer);
  await trainer.close();
  assert.ok(metrics.every(({ revived, gradientNorm }) => revived === 0 && gradientNorm! > 0));
  const decoder = Object.keys(model).filter((name) => name.startsWith("decoder/"));
  assert.equal(movedTensors(before.model, after.model).sort(), decoder.sort());
  assert.equal(namesOf("model", after).sort(), decoder.sort(), "the optimizer has no others");
  const codebook = frozen["quantizer/codebook"]!;
  const others = { ...frozen, "quantizer/codebook": { ...codebook, data: codebook.data.map((value) => -value) } };
  const other = await tokenizerTrainer({ task, frozen: others });
  await expectRejection(() => other.restore(after), FileError, /frozen quantizer\/codebook is not what it was/);
  await other.close();
});

test("without adversarial loss there is no discriminator", async () => {
  const trainer = await tokenizerTrainer();
  const [metrics] = await advance(trainer, 0, 1);
  const { state } = await trainer.save();
  await trainer.close();
  assert.not.ok(Object.keys(state).some((name) => name.startsWith("discriminator")));
  assert.not.ok("generator" in metrics! || "discriminator" in metrics!);
});

test("the discriminator is untouched before its start, and moves from then on, as the tokenizer does", async () => {
  const trainer = await tokenizerTrainer({ task: ADVERSARIAL, adversarialStart: 2 });
  const start = await snapshot(trainer);
  const early = await advance(trainer, 0, 2);
  const waiting = await snapshot(trainer);
  assert.equal(moved("discriminator", start, waiting), []);
  assert.equal(waiting.metadata["updates"], { model: 2, discriminator: 0 });
  assert.not.ok("discriminator" in early[1]!);
  const [metrics] = await advance(trainer, 2, 3);
  const playing = await snapshot(trainer);
  await trainer.close();
  assert.ok(metrics!["discriminator"]! > 0 && metrics!["generator"]! > 0);
  assert.equal(playing.metadata["updates"], { model: 3, discriminator: 1 });
  assert.ok(moved("discriminator", waiting, playing).length > 0.9 * namesOf("discriminator", waiting).length);
  assert.equal(moved("model", waiting, playing), namesOf("model", waiting));
});

test("the R1 penalty comes at its interval and moves the discriminator alone", async () => {
  const withPenalty = await tokenizerTrainer({ task: ADVERSARIAL });
  const without = await tokenizerTrainer({ task: { ...ADVERSARIAL, r1: { gamma: 0, every: 4 } } });
  const metrics = await advance(withPenalty, 0, 5);
  assert.equal(
    metrics.map((one) => "r1" in one),
    [true, false, false, false, true],
  );
  await advance(without, 0, 1);
  assert.equal((await withPenalty.save()).metadata["updates"], { model: 5, discriminator: 7 });
  const again = await tokenizerTrainer({ task: ADVERSARIAL });
  await advance(again, 0, 1);
  const [one, other] = [await snapshot(again), await snapshot(without)];
  for (const trainer of [withPenalty, without, again]) await trainer.close();
  assert.equal(moved("model", one, other), []);
  assert.ok(moved("discriminator", one, other).length > 0);
});

test("a penalty that is not finite is left out, and the step stands", async () => {
  const trainer = await tokenizerTrainer({ task: { ...ADVERSARIAL, r1: { gamma: Number.MAX_VALUE, every: 2 } } });
  const first = await trainer.step(0);
  const second = await trainer.step(1);
  const { updates } = (await trainer.save()).metadata;
  await trainer.close();
  assert.equal([first.applied, first.penalised, "r1" in first.metrics], [true, false, false]);
  assert.ok(first.metrics["loss"]! > 0);
  assert.equal([second.applied, second.penalised], [true, undefined]);
  assert.equal(updates, { model: 2, discriminator: 2 });
});

test("before quantizing begins the codebook waits, then it starts on latents", async () => {
  const trainer = await tokenizerTrainer({ task: { ...TASK, revival: { quantizeFrom: 2, every: 0 } } });
  const start = await snapshot(trainer);
  await advance(trainer, 0, 1);
  const first = await snapshot(trainer);
  assert.equal(
    namesOf("model", start).filter((name) => !moved("model", start, first).includes(name)),
    ["quantizer/codebook"],
  );
  const [metrics] = await advance(trainer, 1, 2);
  assert.is(metrics!["revived"], TOKENIZER.codebookSize);
  assert.ok(moved("model", first, await snapshot(trainer)).includes("quantizer/codebook"));
  await trainer.close();
});

test("a codebook of averages moves without a loss, and a state taken over goes on with the same bits", async () => {
  const task = {
    ...TASK,
    model: { ...TOKENIZER, codebookUpdate: "ema" } as const,
    averages: { decay: 0.9, epsilon: 1e-5, restartBelow: 0.01 },
  };
  const [straight, cut] = [await tokenizerTrainer({ task }), await tokenizerTrainer({ task })];
  const start = await snapshot(straight);
  const [first] = await advance(straight, 0, 4);
  assert.is(first!["codebook"], 0);
  assert.ok(moved("model", start, await snapshot(straight)).includes("quantizer/codebook"));
  await advance(cut, 0, 2);
  const resumed = await tokenizerTrainer({ task }, 2);
  await resumed.restore(await cut.save());
  await advance(resumed, 2, 4);
  expectSameState(await snapshot(resumed), await snapshot(straight));
  for (const trainer of [straight, cut, resumed]) await trainer.close();
});

test("numbers that are not finite move neither network, and the next sound batch does", async () => {
  let bad = true;
  const trainer = await tokenizerTrainer({
    task: ADVERSARIAL,
    nextImages: async () => (bad ? imagesOf(0).fill(Number.NaN, 0, 1) : imagesOf(0)),
  });
  const before = await snapshot(trainer);
  assert.not.ok((await trainer.step(0)).applied);
  expectSameState(await snapshot(trainer), before);
  bad = false;
  assert.ok((await trainer.step(1)).applied);
  assert.ok(moved("discriminator", before, await snapshot(trainer)).length > 0);
  await trainer.close();
});

test("the same seed trains the same weights, another seed others", async () => {
  const trained = async (seed: number) => {
    const trainer = await tokenizerTrainer({ seed, task: ADVERSARIAL });
    await advance(trainer, 0, 3);
    const saved = await snapshot(trainer);
    await trainer.close();
    return saved;
  };
  const once = await trained(1);
  expectSameState(await trained(1), once);
  assert.ok(movedTensors(once.model, (await trained(2)).model).includes("encoder/patches/kernel"));
});

test("usage counts the codes chosen since it was last asked for", async () => {
  const trainer = await tokenizerTrainer();
  await advance(trainer, 0, 3);
  const { usage } = trainer.takeIntervalMetrics();
  assert.ok(usage! > 0 && usage! <= 1 && Number.isInteger(usage! * TOKENIZER.codebookSize));
  assert.equal(trainer.takeIntervalMetrics(), { usage: 0 });
  await trainer.close();
});

test("exact resume: 5 steps, a checkpoint and 7 more are 12 steps, bit by bit", () =>
  expectExactResume((start) => tokenizerTrainer({}, start), { middle: 5, total: 12 }));

test("exact resume with revival, a discriminator that starts later, and R1", () =>
  expectExactResume(
    (start) =>
      tokenizerTrainer(
        { task: { ...ADVERSARIAL, revival: { quantizeFrom: 2, every: 3 } }, adversarialStart: 3 },
        start,
      ),
    { middle: 5, total: 12 },
  ));

test("exact resume with adafactor in both networks, and revival", () => {
  const task = { ...ADVERSARIAL, revival: { quantizeFrom: 2, every: 3 } };
  return expectExactResume((start) => tokenizerTrainer({ task, optimizer: ADAFACTOR }, start), {
    middle: 5,
    total: 12,
  });
});

test("exact resume without a moving average, and from before quantizing began", () =>
  expectExactResume(
    (start) =>
      tokenizerTrainer(
        { optimizer: { ...OPTIMIZER, ema: 0 }, task: { ...TASK, revival: { quantizeFrom: 6, every: 0 } } },
        start,
      ),
    { middle: 5, total: 8 },
  ));

test("the state of another model is refused", async () => {
  const trainer = await tokenizerTrainer();
  const other = await tokenizerTrainer({ task: { ...TASK, model: { ...TOKENIZER, codebookSize: 32 } } });
  const saved = await snapshot(trainer);
  await expectRejection(() => other.restore(saved), FileError, /quantizer\/codebook.*\[32, 4\].*\[16, 4\]/);
});

test.run();
