import { parseArgs } from "node:util";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { casePrograms, findCase, USUAL_CASES } from "../../bench/cases.js";
import { STAGE1_OPTIONS, stage1Arguments, stage1Losses, stage1Size } from "../../bench/options.js";
import {
  type Stage1Losses,
  type Stage1Size,
  stage1Inputs,
  stage1Plan,
  stage1Specs,
  stage1Task,
} from "../../bench/stage1.js";
import { openEngine } from "../../lib/engine/open.js";
import { withPrefix } from "../../lib/train/named.js";
import { compilePlan } from "../../lib/train/plans.js";
import { GRADIENT } from "../../lib/train/tokenizerSteps.js";

const test = suite("bench/stage1");

const SIZE: Stage1Size = {
  imageSize: 16,
  patchSize: 4,
  dim: 16,
  depth: 1,
  heads: 2,
  codebookSize: 8,
  codeDim: 4,
  batch: 2,
  discriminatorScale: 1 / 64,
  vggScale: 1 / 32,
};

async function resultsOf(losses: Stage1Losses) {
  const task = stage1Task(SIZE, losses, 1);
  const program = await compilePlan(await openEngine("onnxruntime", { threads: 1 }), stage1Plan(task, SIZE));
  const results = await program.run(stage1Inputs(task, SIZE, 1));
  await program.dispose();
  return { results, trained: Object.keys(withPrefix(GRADIENT, stage1Specs(task))) };
}

const scalars = (results: Readonly<Record<string, { shape: readonly number[] }>>) =>
  Object.keys(results).filter((name) => results[name]!.shape.length === 0);

test("the autoencoder's step has its own losses and gradients alone", async () => {
  const { results, trained } = await resultsOf("ae");
  assert.equal(scalars(results).sort(), ["codebook", "commitment", "l2", "logitLaplace", "loss"]);
  assert.equal(
    Object.keys(results).filter((name) => name.startsWith(GRADIENT)),
    trained,
  );
  assert.not.ok(trained.some((name) => name.startsWith("gradient/discriminator/")));
});

test("the full step adds the losses of VGG-16 and both players, and the discriminator's gradients", async () => {
  const { results, trained } = await resultsOf("full");
  const added = ["discriminator", "generator", "perceptual"];
  assert.equal(scalars(results).sort(), ["codebook", "commitment", "l2", "logitLaplace", "loss", ...added].sort());
  assert.equal(
    Object.keys(results)
      .filter((name) => name.startsWith(GRADIENT))
      .sort(),
    trained.sort(),
  );
  assert.ok(trained.some((name) => name.startsWith("gradient/discriminator/")));
});

test("no parameter starts as a constant, so that one left out shows", () => {
  const task = stage1Task(SIZE, "full", 1);
  const all = { ...stage1Inputs(task, SIZE, 1), ...task.perceptual!.weights };
  const constant = Object.entries(all).filter(([, { data }]) => data.length > 1 && new Set(data).size === 1);
  assert.equal(constant, []);
});

test("the options of a child process state the size and the losses of the case", () => {
  const one = findCase("stage1-full");
  assert.is(one.kind, "stage1");
  const { values } = parseArgs({ args: [...casePrograms(one).computed], options: STAGE1_OPTIONS });
  assert.equal([stage1Size(values), stage1Losses(values.losses)], [one.size, "full"]);
  const small = parseArgs({ args: stage1Arguments(SIZE), options: STAGE1_OPTIONS });
  assert.equal(stage1Size(small.values), SIZE);
});

test("steps of stage 1 are measured when asked for", () => {
  assert.equal(USUAL_CASES, ["small", "small-adamw", "tiny", "tiny-adamw"]);
  assert.throws(() => findCase("stage1"), /want some of .*stage1-ae, stage1-full, .*got "stage1"/);
});

test("wrong sizes and losses are refused by name", () => {
  const { values } = parseArgs({ args: ["--vgg-scale", "2"], options: STAGE1_OPTIONS });
  assert.throws(() => stage1Size(values), /--vgg-scale: want a number above 0, at most 1, got "2"/);
  assert.throws(() => stage1Losses("all"), /--losses: want ae or full, got "all"/);
});

test.run();
