import { mkdir, readFile, rename, rm, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import {
  latestCheckpoint,
  packMetadata,
  readCheckpoint,
  saveCheckpoint,
  tidyCheckpoints,
  unpackMetadata,
} from "../../lib/files/checkpoints.js";
import { writeHostTensors } from "../../lib/files/hostTensors.js";
import { openSafetensors } from "../../lib/files/safetensors.js";
import { floats, integers } from "../hostTensors.js";
import { expectRejection, inTemporaryFolder } from "../support.js";
import { namesIn, present } from "./support.js";

const test = suite("checkpoints");

const tensorsAt = (step: number) => ({
  model: { w: floats([2], step, 1) },
  state: { "adam/m/w": floats([2], 0.5, step), count: integers([], step) },
});

const save = (run: string, step: number, keep = 2) =>
  saveCheckpoint(run, { step, ...tensorsAt(step), metadata: { epoch: step / 100, order: [1, 2] }, keep });

const inRun = (run: string, ...parts: string[]) => path.join(run, "checkpoints", ...parts);

test("a checkpoint comes back: step, tensors, metadata, and `last` names it", async () => {
  await inTemporaryFolder(async (run) => {
    await save(run, 500);
    const found = present(await latestCheckpoint(run));
    assert.is(found.step, 500);
    assert.is(found.folder, inRun(run, "step-000500"));
    assert.equal(found.metadata, { epoch: 5, order: [1, 2] });
    assert.equal(found.notes, []);
    assert.equal(await readCheckpoint(found), tensorsAt(500));
    assert.is(await readFile(path.join(run, "last"), "utf8"), "checkpoints/step-000500\n");
    assert.equal(await namesIn(found.folder), ["model.safetensors", "state.safetensors"]);
    const state = await openSafetensors(found.stateFile);
    await state.close();
    assert.equal(state.metadata, { step: "500", metadata: '{"epoch":5,"order":[1,2]}' });
  });
});

test("equal checkpoints of two runs have equal bytes", async () => {
  await inTemporaryFolder(async (folder) => {
    await save(path.join(folder, "a"), 7);
    await save(path.join(folder, "b"), 7);
    for (const file of ["model.safetensors", "state.safetensors"]) {
      const [a, b] = ["a", "b"].map((run) => readFile(inRun(path.join(folder, run), "step-000007", file)));
      assert.equal(await a, await b);
    }
  });
});

test("the newest `keep` stay, counted by number and not by name", async () => {
  await inTemporaryFolder(async (run) => {
    for (const step of [999_998, 999_999, 1_000_000, 1_000_001]) await save(run, step);
    assert.equal(await namesIn(inRun(run)), ["step-1000000", "step-1000001"]);
    await save(run, 1_000_002, 1);
    assert.equal(await namesIn(inRun(run)), ["step-1000002"]);
    assert.is((await latestCheckpoint(run))?.step, 1_000_002);
  });
});

test("saving a step again replaces its checkpoint", async () => {
  await inTemporaryFolder(async (run) => {
    await save(run, 5);
    await saveCheckpoint(run, { step: 5, model: { w: floats([1], 9) }, state: {}, metadata: {}, keep: 2 });
    const found = present(await latestCheckpoint(run));
    assert.equal((await readCheckpoint(found)).model, { w: floats([1], 9) });
    assert.equal(await namesIn(inRun(run)), ["step-000005"]);
  });
});

test("training that went back leaves no checkpoints of the future it gave up", async () => {
  await inTemporaryFolder(async (run) => {
    for (const step of [10, 20, 30]) await save(run, step, 3);
    await truncate(inRun(run, "step-000030", "state.safetensors"), 50);
    assert.is((await latestCheckpoint(run))?.step, 20);
    await save(run, 25, 3);
    assert.equal(await namesIn(inRun(run)), ["step-000010", "step-000020", "step-000025"]);
    assert.equal((await latestCheckpoint(run))?.notes, []);
  });
});

test("there is no checkpoint before the first, also beside leftovers", async () => {
  await inTemporaryFolder(async (run) => {
    assert.is(await latestCheckpoint(run), undefined);
    await mkdir(inRun(run, "step-000010.77-0.tmp"), { recursive: true });
    await mkdir(inRun(run, "step-10"));
    assert.is(await latestCheckpoint(run), undefined);
  });
});

test("a damaged newest checkpoint is passed over, with the reason", async () => {
  const damages: [string, (folder: string) => Promise<void>, RegExp][] = [
    ["truncated model", (folder) => truncate(path.join(folder, "model.safetensors"), 90), /truncated/],
    ["missing state", (folder) => rm(path.join(folder, "state.safetensors")), /no such file/],
    ["emptied state", (folder) => writeFile(path.join(folder, "state.safetensors"), ""), /too few/],
    [
      "state of another step",
      (folder) => writeHostTensors(path.join(folder, "state.safetensors"), {}, packMetadata({}, 10)),
      /want the state of step 20, got step 10/,
    ],
    [
      "foreign model",
      (folder) => writeHostTensors(path.join(folder, "model.safetensors"), {}),
      /want the state of step 20, got step none/,
    ],
  ];
  for (const [what, damage, reason] of damages)
    await inTemporaryFolder(async (run) => {
      await save(run, 10);
      await save(run, 20);
      await damage(inRun(run, "step-000020"));
      const found = present(await latestCheckpoint(run));
      assert.is(found.step, 10, what);
      assert.is(found.notes.length, 1, what);
      assert.match(found.notes[0]!, /^checkpoint of step 20 passed over: /);
      assert.match(found.notes[0]!, reason);
    });
});

test("when none is whole, that is an error with all reasons, not a silent start from nothing", async () => {
  await inTemporaryFolder(async (run) => {
    await save(run, 10);
    await save(run, 20);
    await truncate(inRun(run, "step-000010", "model.safetensors"), 5);
    await truncate(inRun(run, "step-000020", "model.safetensors"), 5);
    await expectRejection(latestCheckpoint(run), FileError, /no checkpoint is whole/, /--force/, /step 20.*step 10/);
  });
});

test("a missing or stale `last` does not matter, and is noted", async () => {
  await inTemporaryFolder(async (run) => {
    await save(run, 10);
    await save(run, 20);
    await writeFile(path.join(run, "last"), "checkpoints/step-000010\n");
    const stale = present(await latestCheckpoint(run));
    assert.is(stale.step, 20);
    assert.match(stale.notes.join(), /last names checkpoints\/step-000010, the newest is checkpoints\/step-000020/);
    await rm(path.join(run, "last"));
    const missing = present(await latestCheckpoint(run));
    assert.is(missing.step, 20);
    assert.match(missing.notes.join(), /last is missing/);
  });
});

test("tidying removes leftovers and gives a checkpoint its name back that a kill caught while it was replaced", async () => {
  await inTemporaryFolder(async (run) => {
    await save(run, 10);
    await save(run, 20);
    await mkdir(inRun(run, "step-000030.77-0.tmp", "deep"), { recursive: true });
    await mkdir(inRun(run, "step-000010.replaced.tmp"));
    await rename(inRun(run, "step-000020"), inRun(run, "step-000020.replaced.tmp"));
    await tidyCheckpoints(run);
    assert.equal(await namesIn(inRun(run)), ["step-000010", "step-000020"]);
    assert.is((await latestCheckpoint(run))?.step, 20);
  });
});

test("a save that fails leaves nothing and the older checkpoint in force", async () => {
  await inTemporaryFolder(async (run) => {
    await save(run, 10);
    const bad = { w: { ...floats([2], 1, 2), shape: [3] } };
    const failing = saveCheckpoint(run, { step: 20, model: {}, state: bad, metadata: {}, keep: 2 });
    await expectRejection(failing, RangeError, /shape \[3\]/);
    assert.equal(await namesIn(inRun(run)), ["step-000010"]);
    assert.is((await latestCheckpoint(run))?.step, 10);
    await expectRejection(save(run, -1), RangeError, /want a step >= 0, got -1/);
    await expectRejection(save(run, 1.5), RangeError, /got 1\.5/);
  });
});

test("metadata in a header: JSON survives, foreign headers have none, damage is named", () => {
  const metadata = { a: [1, "2", null], b: { c: true } };
  assert.equal(unpackMetadata("f", packMetadata(metadata)), metadata);
  assert.equal(packMetadata({}, 3), { metadata: "{}", step: "3" });
  assert.equal(unpackMetadata("f", { format: "pt" }), {});
  assert.throws(() => unpackMetadata("f", { metadata: "{" }), /^f: damaged: its metadata are not JSON$/);
});

test.run();
