import { existsSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { HostTensor } from "../../lib/engine/types.js";
import { fileHash } from "../../lib/files/fileHash.js";
import { writeHostTensors } from "../../lib/files/hostTensors.js";
import { readModel } from "../../lib/files/readModel.js";
import { namesIn } from "../files/support.js";
import { torchFixture, writeBytes } from "../files/torch/torchSupport.js";
import { expectClose, fixture, inTemporaryFolder } from "../support.js";
import { behaviourOf, importing, lightningCheckpoint, publishedWeights, wanted } from "./support/published.js";
import { fail, IMAGES, jsonOf, succeed, trainVim, trainVq } from "./support/training.js";

const test = suite("commands/import");

const EMOJI = fixture("emoji-mini", "val");
const number: HostTensor = { dtype: "float32", shape: [1], data: Float32Array.of(1) };

for (const [which, told] of [
  ["enhancing", { parameters: 47_307, imageSize: 32, channels: 3, grid: [4, 4], codebookSize: 64, codeDim: 8 }],
  ["taming", { parameters: 16_066, imageSize: 16, channels: 3, grid: [8, 8], codebookSize: 16, codeDim: 3 }],
] as const)
  test(`${which}: an imported model gives the codes of the program that trained it, and its images`, () =>
    inTemporaryFolder(async (folder) => {
      const out = path.join(folder, "run");
      const { layout, parameters, left, ...facts } = jsonOf(await succeed(importing(which, out, "--json")));
      assert.equal([layout, left], [which, []]);
      assert.is((parameters as { model: number }).model, told.parameters);
      for (const name of ["imageSize", "channels", "grid", "codebookSize", "codeDim"] as const)
        assert.equal(facts[name], told[name], name);
      assert.is(facts["tokenizer"], (await readModel(out)).hash);
      const [got, want] = [await behaviourOf(out, which), await wanted(which)];
      assert.equal(got.codes, want.codes);
      expectClose(got.images, want.images, "reconstructions", { absolute: 1e-5 });
    }));

test("a checkpoint of torch.save gives the same weights; losses beside the model are counted, with --json named", () =>
  inTemporaryFolder(async (folder) => {
    const loss = { "loss.discriminator.a": number, "loss.discriminator.b": number, "loss.lpips.lin0": number };
    const bytes = lightningCheckpoint({ ...(await publishedWeights("enhancing")), ...loss });
    const file = await writeBytes(folder, "last.ckpt", bytes);
    const [out, other] = [path.join(folder, "run"), path.join(folder, "other")];
    const { stdout } = await succeed(["import", file, "-o", out, "--head-dim", "8"]);
    assert.match(stdout, /ViT-VQGAN of enhancing-transformers, 47\.3 k parameters \(encoder .*4 x 4 codes of 64/);
    assert.match(stdout, "left in the file: loss.discriminator (2), loss.lpips (1)");
    const dry = ["import", file, "-o", path.join(folder, "dry"), "--head-dim", "8,8", "--dry-run", "--json"];
    const plan = jsonOf(await succeed(dry));
    assert.equal([plan["dryRun"], plan["left"]], [true, Object.keys(loss)]);
    assert.equal(await namesIn(folder), ["last.ckpt", "run"]);
    await succeed(importing("enhancing", other));
    const model = await readModel(out);
    assert.is(model.hash, (await readModel(other)).hash);
    assert.equal(model.config["imported"], {
      file,
      sha256: await fileHash(file),
      layout: "enhancing",
      left: Object.keys(loss),
    });
  }));

test("every other command takes the run", () =>
  inTemporaryFolder(async (folder) => {
    const place = (name: string) => path.join(folder, name);
    const [run, tokens, vim] = [place("run"), place("codes.safetensors"), place("vim")];
    await succeed(importing("enhancing", run));
    await succeed(["encode", EMOJI, "-t", run, "-o", tokens, "--limit", "12", "--threads", "1"]);
    await succeed(["decode", tokens, "-o", place("grid.png"), "--threads", "1"]);
    const evaluated = jsonOf(await succeed(["evaluate", EMOJI, "-t", run, "--limit", "8", "--json", "--threads", "1"]));
    assert.equal([evaluated["tokensPerImage"], evaluated["codebookSize"]], [16, 64]);
    await succeed(trainVim(tokens, vim, "--steps", "1"));
    await succeed(["sample", vim, "-t", run, "-o", place("samples"), "--count", "1", "--threads", "1"]);
    assert.ok(existsSync(path.join(place("samples"), "000000.png")));
  }));

test("it is no training: train-vq neither goes on with it nor replaces it", () =>
  inTemporaryFolder(async (folder) => {
    const run = path.join(folder, "run");
    await succeed(importing("taming", run));
    const before = await readFile(path.join(run, "model.safetensors"));
    await fail(["train-vq", IMAGES, "--out", run, "--resume"], 4, /imported weights without the state of an optimizer/);
    await fail(trainVq(run, "--force", "--steps", "1"), 2, /import run, not one of train-vq/);
    assert.ok(before.equals(await readFile(path.join(run, "model.safetensors"))));
  }));

test("a folder in use is kept; --force replaces an imported run and nothing else", () =>
  inTemporaryFolder(async (folder) => {
    const run = path.join(folder, "run");
    await succeed(importing("taming", run));
    await fail(importing("enhancing", run), 2, /run is not empty; --force replaces an imported run in it/);
    await succeed(importing("enhancing", run, "--force"));
    assert.equal((await behaviourOf(run, "enhancing")).codes, (await wanted("enhancing")).codes);
    await writeFile(path.join(folder, "mine"), "mine");
    await fail(importing("enhancing", folder, "--force"), 4, /not a run directory/);
    await fail(importing("enhancing", path.join(folder, "mine"), "--force"), 2, /mine is a file; name a folder/);
    assert.is(await readFile(path.join(folder, "mine"), "utf8"), "mine");
  }));

test("files that are no such model are refused by the names in them, and nothing in them is run", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "run");
    const from = (file: string, ...more: string[]) => ["import", file, "-o", out, ...more];
    const trace = "/tmp/vitvq-was-here"; // what hostile.pt would make
    const had = existsSync(trace);
    await fail(from(torchFixture("hostile.pt")), 4, /hostile\.pt: neither a ViT-VQGAN .* 2 tensors begin with w, b/);
    assert.is(existsSync(trace), had);
    await fail(
      from(torchFixture("lightning.ckpt"), "--layout", "enhancing"),
      4,
      /encoder\.en_pos_embedding is missing/,
    );
    const whole = fixture("golden", "vitvq_tiny.safetensors");
    await fail(from(whole), 4, /begin with .*there is one below the prefix param/);
    await fail(from(whole, "--prefix", "parma"), 4, /no tensor below "parma"/);
    await fail(from(path.join(folder, "none.ckpt")), 4, /none\.ckpt: no such file/);
    await fail(from(fixture("golden", "README.md")), 4, /neither a safetensors file nor one of torch\.save/);
    assert.equal(await namesIn(folder), []);
  }));

test("a tensor within the model that has no place is named; --ignore leaves it out by name", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "odd.safetensors");
    const weights = { ...(await publishedWeights("taming")), "encoder.mask": number };
    await writeHostTensors(file, weights);
    const flags = ["import", file, "-o", path.join(folder, "run"), "--image-size", "16", "--groups", "2"];
    await fail(flags, 4, /odd\.safetensors: .*encoder\.mask is not of this model/);
    await fail([...flags, "--ignore", "encoder.musk"], 2, /--ignore: no tensor's name begins with "encoder\.musk"/);
    const result = jsonOf(await succeed([...flags, "--ignore", "encoder.mask", "--json"]));
    assert.equal(result["left"], ["encoder.mask"]);
  }));

test("options that change nothing or do not fit the file end with 2", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "run");
    await fail(importing("enhancing", out, "--image-size", "32"), 2, /--image-size: .* and this is a ViT-VQGAN/);
    await fail(importing("taming", out, "--head-dim", "8"), 2, /--head-dim: .* and this is a VQGAN/);
    const vit = fixture("golden", "vitvq_tiny.safetensors");
    const widths = (text: string) => ["import", vit, "--prefix", "param", "-o", out, "--head-dim", text];
    await fail(widths("8,8,8"), 2, /--head-dim: want one width, or two/);
    await fail(["import", vit, "--prefix", "param", "-o", out], 4, /say the encoder's head width/);
    const cnn = ["import", fixture("golden", "cnn_vqgan_tiny.safetensors"), "--prefix", "param", "-o", out];
    await fail([...cnn, "--image-size", "16"], 2, /--image-size, --groups: .*multiples of the 32 groups, got 4/);
    await fail([...cnn, "--image-size", "15", "--groups", "2"], 2, /halves 1 times, got 15/);
    assert.equal(await namesIn(folder), []);
  }));

test.run();
