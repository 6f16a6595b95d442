import { truncate } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadTokenizer } from "../../../commands/support/models.js";
import { openRun } from "../../../lib/files/runDirectory.js";
import { vitVqganSpec } from "../../../lib/models/vitVqgan.js";
import { flattenSpecs, initialise } from "../../../lib/nn/params.js";
import { fixture, inTemporaryFolder } from "../../support.js";
import { smallTokenizer } from "./smallTokenizer.js";
import { succeed } from "./training.js";

const test = suite("commands/support/models");

/** A run with two checkpoints, the newer one damaged. */
async function damagedRun(folder: string): Promise<string> {
  const run = await openRun(folder, { mode: "new", command: "train-vq" });
  await run.writeConfig({ command: "train-vq", model: smallTokenizer });
  for (const step of [10, 20])
    await run.saveCheckpoint(
      step,
      { model: initialise(flattenSpecs(vitVqganSpec(smallTokenizer)), step), state: {} },
      {},
    );
  await truncate(path.join(folder, "checkpoints", "step-000020", "model.safetensors"), 20);
  return folder;
}

test("a checkpoint that is passed over is told by whoever loads the one before", () =>
  inTemporaryFolder(async (folder) => {
    const run = await damagedRun(path.join(folder, "vq"));
    const warnings: string[] = [];
    const { stored } = await loadTokenizer(run, { checkpoint: true, warn: (warning) => warnings.push(warning) });
    assert.match(stored.file, /step-000010/);
    assert.match(warnings.join("\n"), /vq: checkpoint of step 20 passed over: /);
  }));

test("encode says that it takes older weights", () =>
  inTemporaryFolder(async (folder) => {
    const run = await damagedRun(path.join(folder, "vq"));
    const args = ["encode", fixture("emoji-mini", "val"), "-t", run, "-o", path.join(folder, "x.safetensors")];
    const { stderr } = await succeed([...args, "--checkpoint", "--dry-run"]);
    assert.match(stderr, /warning: .*vq: checkpoint of step 20 passed over: /);
  }));

test.run();
