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
    const names = [
      "best.safetensors",
      "checkpoints",
      "config.json",
      "last",
      "metrics.jsonl",
      "model.safetensors",
      "samples",
    ];
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
    await fail(trainVim(tokens, out, "--config", file), 2, /updateClip in .*vim\.yaml: changes nothing here/);
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

test("two files, weights and held-out images: training ends when scores fall no more, and the best weights are usable", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vim");
    const data = [tokens, tokens, "--weights", "3,1", "--hold-out", "0.2", "--sample-every", "2", "--stop-after", "2"];
    const how = trainVim(tokens, out, "--steps", "60", "--lr", "10", "--ema", "0", "--json").slice(2);
    const args = ["train-vim", ...data, ...how];
    const result = jsonOf(await succeed(args));
    assert.ok((result["endedAt"] as number) < 60, JSON.stringify(result));
    assert.is(result["steps"], result["endedAt"]);
    assert.is(result["bestStep"], (result["endedAt"] as number) - 4);
    const { metadata } = await readModel(path.join(out, "best.safetensors"));
    assert.equal(metadata, { step: result["bestStep"], valNll: result["bestValNll"] });
    const again = jsonOf(await succeed(["train-vim", "--out", out, "--resume", "--json"]));
    assert.equal(again, { run: out, finished: true, steps: result["endedAt"] });
    const sampled = ["sample", path.join(out, "best.safetensors"), "-t", tokenizer, "--count", "10", "--json"];
    assert.is(jsonOf(await succeed([...sampled, "-o", path.join(folder, "samples")]))["images"], 10);
  }));

test("--data trains on images encoded as they come, and a run told to stop goes on to the same bytes", () =>
  inTemporaryFolder(async (folder) => {
    const [want, got] = [path.join(folder, "straight"), path.join(folder, "cut")];
    const args = (out: string, ...more: string[]) => [
      ...["train-vim", "--data", IMAGES, "-t", tokenizer, "--flip", "--hold-out", "0.05", "--out", out],
      ...["--dim", "8", "--depth", "1", "--heads", "2", "--batch-size", "4", "--threads", "1", "--log-every", "2"],
      ...["--checkpoint-every", "4", "--sample-every", "3", ...more],
    ];
    const result = jsonOf(await succeed(args(want, "--steps", "8", "--hold", "1", "--json")));
    assert.ok((result["encodeShare"] as number) > 0 && (result["encodeShare"] as number) < 1);
    await succeed(args(got, "--steps", "4", "--hold", "1"));
    await succeed(["train-vim", "--out", got, "--resume", "--steps", "8"]);
    for (const file of ["model.safetensors", "best.safetensors"])
      assert.equal((await readModel(path.join(got, file))).hash, (await readModel(path.join(want, file))).hash, file);
    assert.equal((await readModel(want)).config["model"], (await readModel(got)).config["model"]);
  }));

test("the options of the architecture make the model of the public port", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vim");
    const port = ["--positions", "learned", "--start-position", "--token-shift", "--activation", "squared-relu"];
    await succeed(
      trainVim(tokens, out, ...port, "--no-logit-bias", "--no-qkv-bias", "--head-dim", "6", "--steps", "2"),
    );
    const { config, tensors } = await readModel(out);
    const { activation, headDim } = config["model"] as { activation: string; headDim: number };
    assert.equal([activation, headDim], ["squaredRelu", 6]);
    const names = Object.keys(tensors);
    for (const name of ["positions/start", "positions/all", "blocks/0/shift/mix"])
      assert.ok(names.includes(name), name);
    for (const name of ["head/bias", "blocks/0/attention/qkv/bias"]) assert.not.ok(names.includes(name), name);
    assert.equal(tensors["blocks/0/attention/qkv/kernel"]!.shape, [8, 36]);
    await succeed(["sample", out, "-t", tokenizer, "--count", "10", "-o", path.join(folder, "samples")]);
    await fail(["train-vim", "--out", out, "--resume", "--hold-out", "0.5"], 2, /--hold-out asks for 0\.5.*with none/);
  }));

test("options about data that would change nothing are refused, and so is data that is missing or given twice", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vim");
    const refused = (pattern: RegExp, ...more: string[]) => fail(trainVim(tokens, out, ...more), 2, pattern);
    await refused(/--flip: .* it wants --data/, "--flip");
    await refused(/--weights: .* it wants two token files or more/, "--weights", "1");
    await refused(/--hold-out: .* it wants no --val/, "--hold-out", "0.1", "--val", tokens);
    await refused(/--stop-after: .* it wants --val or --hold-out/, "--stop-after", "3");
    await refused(/--data: want token files or images .*, got both/, "--data", IMAGES);
    await fail(["train-vim", "--out", out], 2, /--tokens is missing .* --data/);
    await fail(["train-vim", "--out", out, "--data", IMAGES], 2, /--tokenizer is missing/);
    assert.not.ok(existsSync(out));
  }));

test("heads that do not divide the width are refused", () =>
  inTemporaryFolder(async (folder) => {
    const args = ["train-vim", tokens, "--out", path.join(folder, "vim"), "--dim", "10", "--heads", "4"];
    await fail(args, 2, /--heads: want a divisor of the width 10, got 4; or give --head-dim/);
  }));

test.run();
