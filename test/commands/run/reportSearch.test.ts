import { mkdir, symlink, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { searchResults } from "../../../commands/run/reportSearch.js";
import { DataError } from "../../../lib/errors.js";
import { expectRejection, inTemporaryFolder } from "../../support.js";

const test = suite("commands/run/reportSearch");

/** Writes files given by path, objects as JSON. */
async function lay(folder: string, files: Readonly<Record<string, unknown>>): Promise<void> {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(folder, name);
    await mkdir(path.dirname(file), { recursive: true });
    await writeFile(file, typeof content === "string" ? content : JSON.stringify(content));
  }
}

test("files are known by their names, down to two levels, nearest first", () =>
  inTemporaryFolder(async (folder) => {
    await lay(folder, {
      "a/b/evaluation.json": { at: 3 },
      "z/evaluation.json": { at: 2 },
      "a/evaluation.json": { at: 1 },
      "a/b/c/evaluation.json": { at: "too deep" },
      ".hidden/evaluation.json": { at: "hidden" },
      "evaluation.json": { at: 0 },
      "s/samples.json": {},
      "likelihood/likelihood.json": {},
      "s/index.json": { images: [] },
      "web/index.json": { pages: [] },
      "probe/probe.json": {},
      "train.encode.json": {},
      "other.json": {},
    });
    await symlink(folder, path.join(folder, "loop"));
    const found = await searchResults(folder);
    assert.equal(
      found.evaluations.map(({ file, content }) => [file, content["at"]]),
      ["evaluation.json", "a/evaluation.json", "z/evaluation.json", "a/b/evaluation.json"].map((file, i) => [file, i]),
    );
    const { likelihoods, samples, sampleFolders, probes, encodings } = found;
    assert.equal(
      [likelihoods, samples, sampleFolders, probes, encodings].flat().map(({ file }) => file),
      ["likelihood/likelihood.json", "s/samples.json", "s/index.json", "probe/probe.json", "train.encode.json"],
    );
    assert.equal(found.damaged, []);
  }));

test("runs are told apart by their command, and need both config and metrics", () =>
  inTemporaryFolder(async (folder) => {
    const metrics = '{"step":1,"loss":2}\n{"step":2,"lo';
    await lay(folder, {
      "vq/config.json": { command: "train-vq" },
      "vq/metrics.jsonl": metrics,
      "vq/model.safetensors": "",
      "vq/checkpoints/evaluation.json": {},
      "vim/config.json": { command: "train-vim" },
      "vim/metrics.jsonl": metrics,
      "begun/config.json": { command: "train-vq" },
      "other/config.json": { command: "probe" },
      "other/metrics.jsonl": metrics,
    });
    const { tokenizerRuns, priorRuns, evaluations } = await searchResults(folder);
    assert.equal(
      [...tokenizerRuns, ...priorRuns].map((run) => [run.folder, run.finished, run.metrics.length]),
      [
        ["vq", true, 1],
        ["vim", false, 1],
      ],
    );
    assert.equal(evaluations, []);
  }));

test("a run may be the folder itself", () =>
  inTemporaryFolder(async (folder) => {
    await lay(folder, { "config.json": { command: "train-vq" }, "metrics.jsonl": "" });
    assert.is((await searchResults(folder)).tokenizerRuns[0]?.folder, ".");
  }));

test("what is damaged is named and the rest is found", () =>
  inTemporaryFolder(async (folder) => {
    await lay(folder, {
      "a/evaluation.json": "{",
      "b/evaluation.json": { psnr: 20 },
      "c/probe.json": "[1]",
      "d/config.json": "{}",
      "d/metrics.jsonl": "",
    });
    const { evaluations, probes, damaged } = await searchResults(folder);
    assert.equal([evaluations.length, probes.length, damaged.length], [1, 0, 3]);
    for (const name of ["a/evaluation.json", "c/probe.json", "d/config.json"])
      assert.ok(
        damaged.some((sentence) => sentence.includes(path.join(folder, name))),
        name,
      );
  }));

test("a folder that is not there is an error", async () => {
  const search = searchResults("/no/such/folder");
  await expectRejection(search, DataError, /cannot report on \/no\/such\/folder: no such folder/);
});

test.run();
