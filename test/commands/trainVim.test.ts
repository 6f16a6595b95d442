import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readModel } from "../../lib/files/readModel.js";
import { namesIn } from "../files/support.js";
import { inTemporaryFolder } from "../support.js";
import { fail, IMAGES, jsonOf, metricsOf, succeed, trainVim, trainVq } from "./support/training.js";

const test = suite("commands/train-vim");

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
const [tokenizer, tokens] = [path.join(shared, "vq"), path.join(shared, "codes.safetensors")];
const encode = (run: string, out: string) =>
  succeed(["encode", IMAGES, "-t", run, "-o", out, "--limit", "40", "--threads", "1"]);
test.before(async () => {
  await succeed(trainVq(tokenizer, "--steps", "4"));
  await encode(tokenizer, tokens);
});
test.after(() => rm(shared, { recursive: true, force: true }));

test("a training ends with a model that knows its classes and its tokenizer, and one JSON object", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vim");
    const args = trainVim(tokens, out, "--steps", "9", "--val", tokens, "--sample-every", "4", "--json");
    const result = jsonOf(await succeed(args));
    assert.equal([result["steps"], result["skipped"]], [9, 0]);
    assert.ok((result["nll"] as number) > 0 && (result["valNll"] as number) > 0);
    const names = ["checkpoints", "config.json", "last", "metrics.jsonl", "model.safetensors", "samples"];
    assert.equal(await namesIn(out), names);
    const metrics = await metricsOf(out);
    assert.equal(
      metrics.map(({ step, valNll }) => [step, valNll !== undefined]),
      [
        [2, false],
        [4, true],
        [6, false],
        [8, true],
        [9, true],
      ],
    );
    const { config, tensors } = await readModel(out);
    assert.equal((config["tokenizer"] as Record<string, unknown>)["hash"], (await readModel(tokenizer)).hash);
    assert.equal(tensors["classes"]!.shape, [11, 8]);
    assert.equal(tensors["codes"]!.shape, [32, 8]);
    assert.is((config["data"] as { classNames: string[] }).classNames.length, 10);

    assert.equal(jsonOf(await succeed([...args, "--resume"])), { run: out, finished: true, steps: 9 });
    await fail(args, 2, /not empty.*--resume.*--force/);
    await fail(["train-vq", IMAGES, "--out", out, "--resume"], 4, /train-vim run, not one of train-vq/);
  }));

test("--unconditional leaves the classes out", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vim");
    const finished = await succeed(trainVim(tokens, out, "--steps", "1", "--unconditional"));
    assert.match(finished.stderr, /unconditional/);
    assert.equal((await readModel(out)).tensors["classes"]!.shape, [1, 8]);
  }));

test("--dry-run counts, estimates time and memory, and writes nothing", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vim");
    const plan = jsonOf(await succeed(trainVim(tokens, out, "--dry-run", "--json")));
    assert.equal([plan["dryRun"], plan["rows"]], [true, 40]);
    assert.ok((plan["seconds"] as number) > 0 && (plan["peakBytes"] as number) > 5e7);
    assert.not.ok(existsSync(out));
  }));

test("--optimizer adafactor trains, is gone on with, and its moments take less memory", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vim");
    const bytesWith = async (...more: string[]) => {
      const plan = jsonOf(await succeed(trainVim(tokens, out, "--dry-run", "--json", ...more)));
      return (plan["optimizerBytes"] as number) / (plan["parameters"] as number);
    };
    const args = ["--optimizer", "adafactor", "--beta2-schedule", "power", "--update-clip", "0.5"];
    assert.is(await bytesWith(), 8);
    const bytes = await bytesWith(...args);
    assert.ok(bytes > 1 && bytes < 3, `${bytes} a parameter`); // rows of 8 share little
    await succeed(trainVim(tokens, out, "--steps", "4", ...args));
    const resume = ["train-vim", "--out", out, "--resume", "--json"];
    const last = jsonOf(await succeed([...resume, "--steps", "9"]));
    assert.equal([last["steps"], last["skipped"], (last["nll"] as number) > 0], [5, 0, true]);
    await fail([...resume, "--optimizer", "adamw"], 2, /--optimizer asks for "adamw".*"adafactor"/);
  }));

test("options of an optimizer that would change nothing are refused, by a flag or in a file, but not as --print-config has them", () =>
  inTemporaryFolder(async (folder) => {
    const [out, file] = [path.join(folder, "vim"), path.join(folder, "vim.yaml")];
    await fail(trainVim(tokens, out, "--update-clip", "1"), 2, /--update-clip: .* it wants --optimizer adafactor/);
    const power = ["--optimizer", "adafactor", "--beta2-schedule", "power"];
    await fail(trainVim(tokens, out, ...power, "--beta2", "0.9"), 2, /--beta2: .* --beta2-schedule constant/);
    await writeFile(file, "updateClip: 0.5\n");
    await fail(trainVim(tokens, out, "--config", file), 2, /--update-clip: changes nothing here/);
    await writeFile(file, (await succeed(trainVim(tokens, out, "--print-config"))).stdout);
    await succeed(["train-vim", "--config", file, "--dry-run"]);
  }));

test("a file that is missing, is no token file, or was made by another tokenizer ends with 4", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vim");
    await fail(trainVim(path.join(folder, "none.safetensors"), out), 4, /none\.safetensors/);
    await writeFile(path.join(folder, "text.safetensors"), "no tokens at all");
    await fail(trainVim(path.join(folder, "text.safetensors"), out), 4, /text\.safetensors/);
    const [run, others] = [path.join(folder, "other"), path.join(folder, "others.safetensors")];
    await succeed(trainVq(run, "--steps", "1", "--seed", "9"));
    await encode(run, others);
    await fail(trainVim(tokens, out, "--val", others), 4, /others\.safetensors: its codes are of another tokenizer/);
    assert.not.ok(existsSync(out));
  }));

test("heads that do not divide the width are refused", () =>
  inTemporaryFolder(async (folder) => {
    const args = ["train-vim", tokens, "--out", path.join(folder, "vim"), "--dim", "10", "--heads", "4"];
    await fail(args, 2, /--heads: want a divisor of the width 10, got 4/);
  }));

test.run();
