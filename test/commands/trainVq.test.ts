import { existsSync } from "node:fs";
import { cp, mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { writeImage } from "../../commands/support/images.js";
import { latestCheckpoint, readCheckpoint } from "../../lib/files/checkpoints.js";
import { readModel } from "../../lib/files/readModel.js";
import { namesIn, present } from "../files/support.js";
import { fixture, inTemporaryFolder } from "../support.js";
import { fail, IMAGES, jsonOf, metricsOf, succeed, trainVq } from "./support/training.js";

const test = suite("commands/train-vq");

test("a training ends with a model, checkpoints, metrics, a picture and one JSON object", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vq");
    const finished = await succeed(trainVq(out, "--steps", "9", "--sample-every", "4", "--json"));
    const result = jsonOf(finished);
    assert.equal([result["steps"], result["skipped"], result["run"]], [9, 0, out]);
    assert.ok((result["loss"] as number) > 0 && (result["psnr"] as number) > 0);
    assert.equal(await namesIn(out), [
      "checkpoints",
      "config.json",
      "last",
      "metrics.jsonl",
      "model.safetensors",
      "samples",
    ]);
    assert.equal(await namesIn(path.join(out, "samples")), ["step-000004.png", "step-000008.png", "step-000009.png"]);
    assert.equal(await namesIn(path.join(out, "checkpoints")), ["step-000008", "step-000009"]);
    assert.equal(
      (await metricsOf(out)).map(({ step }) => step),
      [2, 4, 6, 8, 9],
    );
    const { config } = await readModel(out);
    const options = config["options"] as Record<string, unknown>;
    assert.equal([options["seed"], options["steps"], options["codebookSize"]], [0, 9, 32]);
    assert.match(finished.stderr, /1,000 images from .*onnxruntime on cpu/);
    assert.match(finished.stderr, /parameters .*16 codes of 32 an image/);

    // The finished run is left alone: by --resume at once, without it with a complaint.
    const bytes = await readFile(path.join(out, "model.safetensors"));
    const again = jsonOf(await succeed(trainVq(out, "--steps", "9", "--resume", "--json")));
    assert.equal(again, { run: out, finished: true, steps: 9 });
    await fail(trainVq(out, "--steps", "9"), 2, /not empty.*--resume.*--force/);
    assert.equal(await readFile(path.join(out, "model.safetensors")), bytes);

    await fail(["train-vq", "--out", out, "--resume", "--codebook-size", "64"], 2, /--codebook-size/);
    const forced = jsonOf(await succeed(trainVq(out, "--steps", "2", "--force", "--json", "--seed", "5")));
    assert.is(forced["steps"], 2);
    assert.equal(await namesIn(path.join(out, "checkpoints")), ["step-000002"]);
  }));

test("--dry-run counts, estimates time and memory, and writes nothing", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vq");
    const plan = jsonOf(await succeed(trainVq(out, "--steps", "9", "--dry-run", "--json")));
    assert.equal([plan["dryRun"], plan["images"], plan["codesPerImage"]], [true, 1000, 16]);
    assert.ok((plan["model"] as number) > 1000);
    const [step, seconds, peak] = [plan["secondsPerStep"], plan["seconds"], plan["peakBytes"]] as number[];
    assert.ok(step! > 0 && Math.abs(seconds! / step! - 9) < 1e-6, `${seconds} s, ${step} s a step`);
    assert.ok(peak! > 5e7 && peak! < 4e9, `${peak} bytes`);
    assert.not.ok(existsSync(out));
  }));

test("missing data, and a folder without images, end with 3", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vq");
    await fail(["train-vq", path.join(folder, "nowhere"), "--out", out], 3, /nowhere/);
    await mkdir(path.join(folder, "empty"));
    await fail(["train-vq", path.join(folder, "empty"), "--out", out, "--json"], 3, /empty/);
    assert.not.ok(existsSync(out));
  }));

test("sizes that do not fit are refused by the name of their option", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vq");
    const small = ["train-vq", fixture("emoji-mini", "val"), "--out", out, "--preset", "tiny"];
    await fail([...small, "--patch-size", "5"], 2, /--patch-size: want a divisor of the image size 32, got 5/);
    await fail([...small, "--encoder-heads", "3"], 2, /--encoder-heads: want a divisor of the encoder's width 128/);
    assert.not.ok(existsSync(out));
  }));

test("options that would change nothing are refused, with what they want", () =>
  inTemporaryFolder(async (folder) => {
    const small = ["train-vq", fixture("emoji-mini", "val"), "--out", path.join(folder, "vq"), "--preset", "tiny"];
    await fail([...small, "--cnn-width", "64"], 2, /--cnn-width: changes nothing here; it wants --architecture cnn/);
    await fail(
      [...small, "--architecture", "cnn", "--encoder-depth", "2"],
      2,
      /--encoder-depth: .* --architecture vit/,
    );
    await fail([...small, "--codebook-decay", "0.5"], 2, /--codebook-decay: .* --codebook-update ema/);
    await fail([...small, "--adversarial-weight", "0", "--r1-gamma", "1"], 2, /--r1-gamma: .*--adversarial-weight/);
    await fail([...small, "--perceptual-form", "features"], 2, /--perceptual-form: .*--vgg/);
  }));

test("a perceptual loss says which file it wants, and refuses another", () =>
  inTemporaryFolder(async (folder) => {
    const small = ["train-vq", fixture("emoji-mini", "val"), "--out", path.join(folder, "vq"), "--preset", "tiny"];
    await fail(
      [...small, "--perceptual-weight", "0.1"],
      2,
      /download https:.*vgg16-397923af\.pth and name it with --vgg/,
    );
    await fail([...small, "--vgg", path.join(folder, "none.pth")], 4, /none\.pth/);
    const other = fixture("golden", "posembed.safetensors");
    await fail([...small, "--vgg", other], 2, /no weights of channels; download https:.*--perceptual-form features/);
    await fail([...small, "--vgg", other, "--perceptual-form", "features"], 4, /posembed.*VGG-16.*features\.0\.weight/);
  }));

test("--force leaves the run that it replaces until a first step of the new one is done", () =>
  inTemporaryFolder(async (folder) => {
    const [out, broken] = [path.join(folder, "vq"), path.join(folder, "broken")];
    await succeed(trainVq(out, "--steps", "2"));
    const [names, bytes] = [await namesIn(out), await readFile(path.join(out, "model.safetensors"))];
    await mkdir(broken);
    await writeFile(path.join(broken, "a.png"), "no image");
    const small = ["--out", out, "--force", "--preset", "tiny", "--adversarial-weight", "0", "--batch-size", "2"];
    await fail(["train-vq", fixture("emoji-mini", "val"), ...small, "--val", broken], 3, /only image of .*broken/);
    await fail(["train-vq", broken, ...small, "--val", fixture("emoji-mini", "val")], 3, /only image of .*broken/);
    assert.equal(await namesIn(out), names);
    assert.equal(await readFile(path.join(out, "model.safetensors")), bytes);
    await succeed(["encode", IMAGES, "-t", out, "-o", path.join(folder, "codes"), "--limit", "2"]);
  }));

test("a CNN-VQGAN with a codebook of averages and a PatchGAN trains, is resumed, encodes and is scored", () =>
  inTemporaryFolder(async (folder) => {
    const [out, tokens] = [path.join(folder, "cnn"), path.join(folder, "codes.safetensors")];
    const args = [
      ...["train-vq", IMAGES, "--out", out, "--architecture", "cnn", "--image-size", "28", "--channels", "1"],
      ...["--cnn-width", "4", "--cnn-groups", "2", "--cnn-multipliers", "1,2,2", "--cnn-blocks", "1"],
      ...["--cnn-latent-dim", "8", "--codebook-size", "32", "--code-dim", "4", "--no-l2-norm"],
      ...["--codebook-update", "ema", "--codebook-restart", "0.05", "--discriminator", "patch"],
      ...["--discriminator-scale", "0.05", "--adversarial-form", "hinge", "--adversarial-adaptive", "--r1-gamma", "0"],
      ...["--batch-size", "2", "--threads", "1", "--log-every", "1", "--quantize-from", "1"],
    ];
    const { config } = jsonOf(await succeed([...args, "--dry-run", "--json"]));
    const { averages } = config as { averages: { restartBelow: number } };
    assert.is(averages.restartBelow, (0.05 * 2 * 49) / 32); // a share of the latents that a code gets on average
    await succeed([...args, "--steps", "2"]);
    const result = jsonOf(await succeed(["train-vq", "--out", out, "--resume", "--steps", "3", "--json"]));
    assert.ok((result["psnr"] as number) > 0 && (result["adaptive"] as number) > 0);
    const encoded = jsonOf(
      await succeed(["encode", IMAGES, "--tokenizer", out, "--out", tokens, "--limit", "4", "--json"]),
    );
    assert.is(encoded["tokensPerImage"], 49);
    const scored = jsonOf(await succeed(["evaluate", IMAGES, "--tokenizer", out, "--limit", "4", "--json"]));
    assert.is(scored["tokensPerImage"], 49);
    await fail([...args, "--force", "--image-size", "30", "--steps", "1"], 2, /--cnn-multipliers|--image-size/);
  }));

/** Images of one class, one of them cut short and one not an image at all. */
async function damagedFolder(folder: string): Promise<string> {
  const data = path.join(folder, "data");
  await cp(fixture("emoji-mini", "val", "food"), path.join(data, "food"), { recursive: true });
  const [name] = await namesIn(path.join(data, "food"));
  const whole = await readFile(path.join(data, "food", present(name)));
  await writeFile(path.join(data, "food", "cut.png"), whole.subarray(0, whole.length / 2));
  await writeFile(path.join(data, "food", "text.png"), "no image");
  return data;
}

const ON_EMOJI = [
  ...["--image-size", "32", "--channels", "3", "--preset", "tiny", "--adversarial-weight", "0", "--threads", "1"],
  ...["--encoder-dim", "8", "--encoder-depth", "1", "--decoder-dim", "8", "--decoder-depth", "1"],
  ...["--steps", "4", "--batch-size", "14"],
];

test("damaged images are left out, named once and counted; with --strict they end the run with 3", () =>
  inTemporaryFolder(async (folder) => {
    const data = await damagedFolder(folder);
    const args = ["train-vq", data, "--out", path.join(folder, "vq"), ...ON_EMOJI];
    const finished = await succeed([...args, "--json"]);
    for (const name of ["cut.png", "text.png"])
      assert.is(finished.stderr.match(new RegExp(`${name}.*: left out`, "g"))?.length, 1, finished.stderr);
    assert.is(jsonOf(finished)["damaged"], 2);
    await fail([...args.slice(0, 3), path.join(folder, "strict"), ...ON_EMOJI, "--strict"], 3, /(cut|text)\.png/);
  }));

test("pictures and scores are of images from all of the held-out set, whose classes follow each other", () =>
  inTemporaryFolder(async (folder) => {
    const [val, out] = [path.join(folder, "val"), path.join(folder, "vq")];
    const colours = { blue: [0, 0, 1], green: [0, 1, 0], red: [1, 0, 0] };
    for (const [name, colour] of Object.entries(colours))
      for (let i = 0; i < 40; i++) {
        const pixels = Float32Array.from({ length: 8 * 8 * 3 }, (_, at) => colour[at % 3]!);
        await writeImage(path.join(val, name, `${i}.png`), pixels, { height: 8, width: 8, channels: 3 });
      }
    const args = ["train-vq", fixture("emoji-mini", "val"), "--val", val, "--out", out, ...ON_EMOJI];
    assert.match((await succeed(args)).stderr, /ends before the decoder is shown a code.*--quantize-from/);
    const picture = await sharp(path.join(out, "samples", "step-000004.png"))
      .removeAlpha()
      .raw()
      .toBuffer();
    for (const colour of Object.values(colours)) {
      const bytes = Buffer.from(colour.map((value) => 255 * value));
      let count = 0;
      for (let at = 0; at < picture.length; at += 3) if (picture.subarray(at, at + 3).equals(bytes)) count++;
      assert.ok(count >= 4 * 32 * 32, `${count} pixels of ${bytes.toString("hex")}`);
    }
  }));

test("images of which none can be read end the run with 3", () =>
  inTemporaryFolder(async (folder) => {
    await mkdir(path.join(folder, "data"));
    await writeFile(path.join(folder, "data", "text.png"), "no image");
    const args = ["train-vq", path.join(folder, "data"), "--out", path.join(folder, "vq"), ...ON_EMOJI];
    await fail(
      args,
      3,
      /^vitvq: the only image of .*data cannot be read: text\.png: not an image of a format that is read$/m,
    );
  }));

test("a learning rate out of all bounds ends with 5, and the last checkpoint loads", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "vq");
    await succeed(trainVq(out, "--steps", "4"));
    const args = trainVq(out, "--resume", "--steps", "60", "--lr", "1e37", "--patience", "3", "--json");
    const finished = await fail(args, 5, /not finite 3 steps in a row.*--resume/);
    assert.equal((jsonOf(finished)["error"] as Record<string, unknown>)["exitCode"], 5);
    const checkpoint = present(await latestCheckpoint(out));
    assert.equal(checkpoint.notes, []);
    const { model } = await readCheckpoint(checkpoint);
    for (const [name, { data }] of Object.entries(model)) assert.ok(data.every(Number.isFinite), name);
    // The run had ended once, after 4 steps; asked for more it has not.
    await fail(args, 5);
  }));

test.run();
