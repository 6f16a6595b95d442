import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openEngine } from "../../lib/engine/open.js";
import { type Stage1Losses, stage1Inputs, stage1Plan, stage1Specs, stage1Task } from "../../lib/speed/stage1.js";
import { GRADIENT, withPrefix } from "../../lib/train/named.js";
import { compilePlan } from "../../lib/train/plans.js";
import { SMALLEST } from "./support.js";

const test = suite("speed/stage1");

const { channels, ...SIZE } = SMALLEST.stage1;

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

test.run();
