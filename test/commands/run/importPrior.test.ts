import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadTokenizer, loadVim } from "../../../commands/support/models.js";
import { createOnnxEngine } from "../../../lib/engine/onnxruntime.js";
import type { NamedHostTensors } from "../../../lib/engine/types.js";
import { writeHostTensors } from "../../../lib/files/hostTensors.js";
import { createTokenFile } from "../../../lib/files/tokenWriter.js";
import { createSampler } from "../../../lib/sample/sampler.js";
import { withPrefix } from "../../../lib/train/named.js";
import { namesIn } from "../../files/support.js";
import { writeBytes } from "../../files/torch/torchSupport.js";
import { goldenGpt } from "../../models/support/goldenGpt.js";
import { inTemporaryFolder } from "../../support.js";
import { importing, lightningCheckpoint, publishedWeights } from "../support/published.js";
import { fail, jsonOf, succeed } from "../support/training.js";

const test = suite("commands/run/importPrior");

const gpt = await goldenGpt();
const ONE_THREAD = ["--threads", "1"];
const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
const place = (name: string) => path.join(shared, name);
const [tokenizer, vim] = [place("vq"), place("vim")];

/** Both stages as the port's training of the second one leaves them. */
const bothStages = async (): Promise<NamedHostTensors> => ({
  ...withPrefix("stage1_model.", await publishedWeights("enhancing")),
  ...withPrefix("transformer.", gpt.params),
});

test.before(async () => {
  const file = await writeBytes(shared, "both.ckpt", lightningCheckpoint(await bothStages()));
  await succeed(["import", file, "--prefix", "stage1_model", "-o", tokenizer, "--head-dim", "8"]);
  await succeed(["import", file, "-o", vim, "--heads", "4", "-t", tokenizer]);
});
test.after(() => rm(shared, { recursive: true, force: true }));

test("a checkpoint of both stages gives two runs, which belong together and draw the port's codes", async () => {
  const [{ model, weights, hash, stored }, { hash: codesOf }] = [await loadVim(vim), await loadTokenizer(tokenizer)];
  assert.equal([model, weights], [gpt.model, gpt.tensors]);
  assert.equal(stored.config["tokenizer"], { hash: codesOf, imageSize: "32", channels: "3", tokenizer });
  assert.equal((stored.config["imported"] as { left: string[] }).left.length, 59);
  const engine = await createOnnxEngine({ threads: 1 });
  const sampler = await createSampler({ engine, model, weights, batchSize: 3 });
  const filter = { temperature: 0, topK: 0, topP: 1 };
  const codes = await sampler.sample({ classIds: gpt.classIds, seeds: [1, 2, 3], filters: [filter, filter, filter] });
  await sampler.close();
  assert.equal([...codes], [...gpt.all["full.greedy_codes"]!.data]);
  const dry = ["import", place("both.ckpt"), "-o", place("dry"), "--heads", "4", "--dry-run", "--json"];
  const { left, config, ...facts } = jsonOf(await succeed(dry));
  assert.equal([(left as string[]).length, config], [59, gpt.model]);
  assert.equal(facts, {
    dryRun: true,
    layout: "enhancing-gpt",
    vim: hash,
    parameters: { model: 30_496 },
    ...{ dim: 32, depth: 2, heads: 4, grid: [4, 4], vocabulary: 64, classes: 10 },
    tokenizer: null,
  });
});

test("sample and probe take the run", () =>
  inTemporaryFolder(async (folder) => {
    const samples = path.join(folder, "samples");
    await succeed(["sample", vim, "-o", samples, "--classes", "3", "--count", "2", ...ONE_THREAD]);
    assert.equal(await namesIn(samples), ["000000.png", "000001.png", "grid.png", "index.json"]);
    const index = JSON.parse(await readFile(path.join(samples, "index.json"), "utf8")) as { images: object[] };
    assert.equal({ ...index.images[0], seed: 0 }, { file: "000000.png", class: 3, className: "3", seed: 0 });
    const tokens = path.join(folder, "tokens.safetensors");
    const { hash } = await loadTokenizer(tokenizer);
    const header = { vocabulary: 64, grid: [4, 4], tokenizerHash: hash, source: "golden" } as const;
    const writer = await createTokenFile(tokens, header);
    await writer.append(Int32Array.from([...gpt.codes, ...gpt.codes]), Int32Array.of(0, 1, 1, 0, 1, 1));
    await writer.finish();
    const flags = ["--train", tokens, "--test", tokens, "--l2", "1", "--no-raw-pixels", "--json", ...ONE_THREAD];
    const { blocks } = jsonOf(await succeed(["probe", vim, ...flags])) as { blocks: { top1: number }[] };
    assert.is(blocks.length, 3);
    assert.is(blocks[2]!.top1, 1, "three different sequences are told apart");
  }));

test("a bare state dict comes as well; sample then wants the tokenizer, of the right sizes, and a class", () =>
  inTemporaryFolder(async (folder) => {
    const [file, run, out] = ["gpt.safetensors", "run", "samples"].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    await writeHostTensors(file, gpt.params);
    const { stdout } = await succeed(["import", file, "-o", run, "--heads", "4"]);
    assert.match(
      stdout,
      /GPT of enhancing-transformers, 30\.5 k parameters \(2 blocks x 32, 4 heads\); 4 x 4 codes of 64/,
    );
    assert.match(stdout, "its tokenizer is not in the file: name the run to `sample` with --tokenizer");
    assert.is((await loadVim(run)).hash, (await loadVim(vim)).hash);
    const sample = (...more: string[]) => ["sample", run, "-o", out, "--classes", "1", "--count", "1", ...more];
    await fail(sample(), 2, /does not say where its tokenizer is; name the run/);
    const other = path.join(folder, "other");
    await succeed(importing("taming", other));
    await fail(
      sample("-t", other),
      4,
      /the VIM wants a tokenizer of 4 x 4 codes of 64 an image, got 8 x 8 codes of 16/,
    );
    await succeed(sample("-t", tokenizer, ...ONE_THREAD));
    await fail(["sample", vim, "-o", out, "--unconditional", "--force"], 2, /no images without a class/);
  }));

test("without the number of heads, or with one that does not fit, nothing is written", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "run");
    const from = (...more: string[]) => ["import", place("both.ckpt"), "-o", out, ...more];
    await fail(from(), 2, /--heads: .*both\.ckpt does not tell the number of attention heads/);
    await fail(from("--heads", "5"), 2, /--heads: want a divisor of the width 32, got 5/);
    await fail(from("--heads", "4", "--head-dim", "8"), 2, /--head-dim: .* and this is a GPT/);
    await fail(importing("enhancing", out, "--heads", "4"), 2, /--heads: .* and this is a ViT-VQGAN/);
    assert.equal(await namesIn(folder), []);
  }));

test("a tokenizer of another codebook than the checkpoint's is refused", () =>
  inTemporaryFolder(async (folder) => {
    const weights = await publishedWeights("enhancing");
    const codebook = weights["quantizer.embedding.weight"]!;
    const moved = { ...codebook, data: codebook.data.map((value) => value + 1) };
    const file = path.join(folder, "moved.safetensors");
    await writeHostTensors(file, { ...weights, "quantizer.embedding.weight": moved });
    const other = path.join(folder, "other");
    await succeed(["import", file, "-o", other, "--head-dim", "8"]);
    const out = path.join(folder, "run");
    const flags = ["import", place("both.ckpt"), "-o", out, "--heads", "4", "-t", other];
    await fail(flags, 4, /other.*: its codebook is not the one in .*both\.ckpt \(stage1_model\.quantizer/);
    assert.equal(await namesIn(folder), ["moved.safetensors", "other"]);
  }));

test("tensors that are missing or too many end with 4 and are named; --ignore leaves them out", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "odd.safetensors");
    const { "head.weight": head, ...rest } = gpt.params;
    const odd = { ...rest, "blocks.0.attn.mask": head! };
    await writeHostTensors(file, withPrefix("transformer.", odd));
    const flags = ["import", file, "-o", path.join(folder, "run"), "--heads", "4"];
    const missing = /head\.weight is missing.*blocks\.0\.attn\.mask is not of this model/;
    await fail(flags, 4, /odd\.safetensors is not a GPT of enhancing-transformers/, missing);
    await writeHostTensors(file, withPrefix("transformer.", { ...odd, "head.weight": head! }));
    await fail(flags, 4, /blocks\.0\.attn\.mask is not of this model$/);
    const { left } = jsonOf(await succeed([...flags, "--ignore", "transformer.blocks.0.attn.mask", "--json"]));
    assert.equal(left, ["transformer.blocks.0.attn.mask"]);
  }));

test("each of the two runs is refused where the other belongs", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "out");
    await fail(["sample", tokenizer, "-o", out], 4, /want a model of train-vim, got one of import, a tokenizer/);
    await fail(["export", vim, "-o", out], 4, /want a model of train-vq, got one of import, a VIM/);
  }));

test.run();
