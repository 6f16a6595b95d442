import { cp, mkdir, rm, truncate, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import { weightsHash, writeHostTensors } from "../../lib/files/hostTensors.js";
import { readModel } from "../../lib/files/readModel.js";
import { openRun } from "../../lib/files/runDirectory.js";
import { floats } from "../hostTensors.js";
import { expectRejection, inTemporaryFolder } from "../support.js";

const test = suite("readModel");

const command = "train-vq";
const config = { command, dim: 64 };
const at = (step: number) => ({ w: floats([2], step, 0.5) });

/** A run with checkpoints at 10 and 20, finished if asked. */
async function runWith(folder: string, { finished }: { finished: boolean }): Promise<string> {
  const run = await openRun(folder, { mode: "new", command });
  await run.writeConfig(config);
  for (const step of [10, 20]) await run.saveCheckpoint(step, { model: at(step), state: {} }, { images: step });
  if (finished) await run.finish(at(30), { images: 30 });
  await run.close();
  return folder;
}

test("a finished run gives model, config, metadata, hash and file", async () => {
  await inTemporaryFolder(async (folder) => {
    await runWith(folder, { finished: true });
    assert.equal(await readModel(folder), {
      config,
      tensors: at(30),
      metadata: { images: 30 },
      hash: weightsHash(at(30)),
      file: path.join(folder, "model.safetensors"),
      notes: [],
    });
  });
});

test("a model file, a checkpoint's file and a checkpoint's folder do as well", async () => {
  await inTemporaryFolder(async (folder) => {
    await runWith(folder, { finished: true });
    assert.equal((await readModel(path.join(folder, "model.safetensors"))).tensors, at(30));
    const checkpoint = path.join(folder, "checkpoints", "step-000010");
    for (const source of [checkpoint, path.join(checkpoint, "model.safetensors")]) {
      const model = await readModel(source);
      assert.equal([model.tensors, model.config, model.metadata], [at(10), config, { images: 10 }]);
    }
  });
});

test("the checkpoint flag takes the newest checkpoint, past a damaged one with a note", async () => {
  await inTemporaryFolder(async (folder) => {
    await runWith(folder, { finished: true });
    const newest = await readModel(folder, { checkpoint: true });
    assert.equal([newest.tensors, newest.notes], [at(20), []]);
    await truncate(path.join(folder, "checkpoints", "step-000020", "model.safetensors"), 20);
    const older = await readModel(folder, { checkpoint: true });
    assert.equal(older.tensors, at(10));
    assert.match(older.notes.join(), /step 20 passed over/);
  });
});

test("the checkpoint flag takes the model of a run that is finished and has no checkpoints, as imported ones are", async () => {
  await inTemporaryFolder(async (folder) => {
    await runWith(folder, { finished: true });
    await rm(path.join(folder, "checkpoints"), { recursive: true });
    assert.equal((await readModel(folder, { checkpoint: true })).tensors, at(30));
  });
});

test("a run in training is refused, with how to continue it and the checkpoint to give instead", async () => {
  await inTemporaryFolder(async (folder) => {
    await runWith(folder, { finished: false });
    const checkpoint = path.join(folder, "checkpoints", "step-000020", "model.safetensors");
    await expectRejection(
      readModel(folder),
      FileError,
      /training has not finished \(newest checkpoint: step 20\)/,
      /`vitvq train-vq --resume`/,
      new RegExp(checkpoint.replaceAll("\\", "\\\\")),
    );
    assert.equal((await readModel(checkpoint)).tensors, at(20));
  });
});

test("a run without a checkpoint is refused, with how to continue it", async () => {
  await inTemporaryFolder(async (folder) => {
    const run = await openRun(folder, { mode: "new", command });
    await run.writeConfig(config);
    await run.close();
    for (const checkpoint of [false, true])
      await expectRejection(readModel(folder, { checkpoint }), FileError, /no checkpoint yet; continue it with/);
  });
});

test("an import that was cut off is to be made again", async () => {
  await inTemporaryFolder(async (folder) => {
    const run = await openRun(folder, { mode: "new", command: "import" });
    await run.writeConfig({ ...config, command: "import" });
    await run.close();
    await expectRejection(readModel(folder), FileError, /no checkpoint yet; import into .* again/);
  });
});

test("no run, no file, a folder of another kind and a file of another kind are refused", async () => {
  await inTemporaryFolder(async (folder) => {
    await expectRejection(readModel(path.join(folder, "absent")), FileError, /absent: no such run or model file/);
    await expectRejection(readModel(folder), FileError, /not a run directory: it has no config\.json/);
    await writeFile(path.join(folder, "config.json"), JSON.stringify(config));
    await writeFile(path.join(folder, "weights.pt"), "PK\x03\x04 and so on");
    await expectRejection(readModel(path.join(folder, "weights.pt")), FileError, /not a safetensors file/);
  });
});

test("a model apart from its config is refused, wherever it lies", async () => {
  await inTemporaryFolder(async (folder) => {
    const lone = path.join(folder, "lone", "model.safetensors");
    await writeHostTensors(lone, at(1));
    await expectRejection(readModel(lone), FileError, /no config\.json beside it; keep the model and the config/);
    await expectRejection(readModel(path.dirname(lone)), FileError, /no config\.json beside it/);
    // A stranger's config two levels up belongs to something else.
    await writeFile(path.join(folder, "config.json"), JSON.stringify(config));
    await mkdir(path.join(folder, "other", "deep"), { recursive: true });
    await cp(lone, path.join(folder, "other", "deep", "model.safetensors"));
    await expectRejection(readModel(path.join(folder, "other", "deep")), FileError, /no config\.json beside it/);
    await cp(path.join(folder, "config.json"), path.join(folder, "lone", "config.json"));
    assert.equal((await readModel(lone)).metadata, {});
    await rm(path.join(folder, "config.json"));
  });
});

test("damage in the model or its config is named", async () => {
  await inTemporaryFolder(async (folder) => {
    await runWith(folder, { finished: true });
    await truncate(path.join(folder, "model.safetensors"), 60);
    await expectRejection(readModel(folder), FileError, /model\.safetensors: truncated/);
    await writeFile(path.join(folder, "config.json"), "{");
    await expectRejection(readModel(folder), FileError, /config\.json: damaged: not JSON/);
  });
});

test.run();
