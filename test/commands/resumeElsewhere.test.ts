/** Trainings that are gone on with under other names, and with other data. */
import { cp, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { writeHostTensors } from "../../lib/files/hostTensors.js";
import { readModel } from "../../lib/files/readModel.js";
import { fixture, inTemporaryFolder } from "../support.js";
import { hashedVgg } from "./support/hashedVgg.js";
import { fail, jsonOf, metricsOf, succeed, trainVim, trainVq } from "./support/training.js";

const test = suite("commands: trainings resumed elsewhere");

const EMOJI = fixture("emoji-mini", "val");
const VQ = [
  "--preset",
  "tiny",
  "--adversarial-weight",
  "0",
  "--encoder-dim",
  "8",
  "--decoder-dim",
  "8",
  "--threads",
  "1",
];

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
const at = (...names: string[]) => path.join(shared, ...names);
const tokenizer = at("vq");
const encode = (data: string, out: string) => succeed(["encode", data, "-t", tokenizer, "-o", out, "--threads", "1"]);
test.before(async () => {
  await succeed(["train-vq", EMOJI, "--out", tokenizer, ...VQ, "--steps", "2", "--batch-size", "4"]);
  await cp(EMOJI, at("images"), { recursive: true });
  await encode(at("images"), at("tokens.safetensors"));
});
test.after(() => rm(shared, { recursive: true, force: true }));

test("a run goes on after it was moved, and under any way to write its name", () =>
  inTemporaryFolder(async (folder) => {
    await succeed(trainVq(path.join(folder, "a"), "--steps", "3"));
    const moved = path.join(folder, "b");
    await rename(path.join(folder, "a"), moved);
    await succeed(["train-vq", "--out", moved, "--resume", "--steps", "5"]);
    await succeed(["train-vq", "--out", `${path.join(folder, ".", "b")}/`, "--resume", "--steps", "6"]);
    assert.equal((await readModel(moved)).metadata["step"], 6);
  }));

test("data that were moved are named anew, and others refused before anything of the run changes", () =>
  inTemporaryFolder(async (folder) => {
    const [run, tokens] = [path.join(folder, "vim"), path.join(folder, "tokens.safetensors")];
    await succeed(trainVim(at("tokens.safetensors"), run, "--steps", "3"));
    await cp(at("tokens.safetensors"), tokens);
    await succeed(["train-vim", tokens, "--out", run, "--resume", "--steps", "5"]);
    const config = await readFile(path.join(run, "config.json"));
    const images = path.join(folder, "images");
    await cp(at("images"), images, { recursive: true });
    await rename(path.join(images, "animals"), path.join(images, "zebras"));
    await encode(images, path.join(folder, "other.safetensors"));
    const other = ["train-vim", path.join(folder, "other.safetensors"), "--out", run, "--resume", "--steps", "7"];
    await fail(other, 4, /started on 60 rows, classes animals, flags, .*given now is 60 rows, classes flags, .*zebras/);
    await rm(path.join(images, "zebras"), { recursive: true });
    await encode(images, path.join(folder, "fewer.safetensors"));
    await fail(
      [...other.slice(0, 1), path.join(folder, "fewer.safetensors"), ...other.slice(2)],
      4,
      /is 48 rows, classes/,
    );
    assert.equal(await readFile(path.join(run, "config.json")), config);
    await readModel(run);
  }));

test("a finished run is found finished though nothing is left of what it was made of", () =>
  inTemporaryFolder(async (folder) => {
    const [run, images] = [path.join(folder, "vq"), path.join(folder, "images")];
    const [vim, codes] = [path.join(folder, "vim"), path.join(folder, "codes.safetensors")];
    await cp(at("images"), images, { recursive: true });
    await succeed(["train-vq", images, "--out", run, ...VQ, "--steps", "2", "--batch-size", "4"]);
    await cp(at("tokens.safetensors"), codes);
    await succeed(trainVim(codes, vim, "--steps", "3"));
    await rm(images, { recursive: true });
    await rm(codes);
    for (const [command, out, steps] of [
      ["train-vq", run, 2],
      ["train-vim", vim, 3],
    ] as const) {
      const again = jsonOf(await succeed([command, "--out", out, "--resume", "--json"]));
      assert.equal(again, { run: out, finished: true, steps });
      const { stdout } = await succeed([command, "--out", out, "--resume", "--steps", "1"]);
      assert.is(stdout, `${out} is finished, after ${steps} steps\n`);
      await fail([command, "--out", out, "--resume", "--batch-size", "5"], 2, /--batch-size asks for 5/);
      await fail([command, "--out", out, "--resume", "--steps", "9"], command === "train-vq" ? 3 : 4, /images|codes/);
    }
  }));

test("a training of images is not gone on with on fewer of them", () =>
  inTemporaryFolder(async (folder) => {
    const [run, images] = [path.join(folder, "vq"), path.join(folder, "images")];
    await cp(at("images"), images, { recursive: true });
    await succeed(["train-vq", images, "--out", run, ...VQ, "--steps", "2", "--batch-size", "4"]);
    await rm(path.join(images, "flags"), { recursive: true });
    await fail(["train-vq", "--out", run, "--resume", "--steps", "4"], 4, /started on 60 images, .* is 48 images/);
    await succeed(["train-vq", at("images"), "--out", run, "--resume", "--steps", "4"]);
  }));

test("as many other images of the same classes, or other codes, are refused", () =>
  inTemporaryFolder(async (folder) => {
    const [vq, vim, images] = ["vq", "vim", "images"].map((name) => path.join(folder, name)) as [
      string,
      string,
      string,
    ];
    await cp(at("images"), images, { recursive: true });
    await succeed(["train-vq", at("images"), "--out", vq, ...VQ, "--steps", "2", "--batch-size", "4"]);
    await succeed(trainVim(at("tokens.safetensors"), vim, "--steps", "2"));
    const [one, other] = ["animals", "flags"].map((name) => path.join(images, name)) as [string, string];
    const [ofOne, ofOther] = [(await readdir(one))[0]!, (await readdir(other))[0]!];
    await rename(path.join(one, ofOne), path.join(other, ofOne));
    await rename(path.join(other, ofOther), path.join(one, ofOther));
    const refused = /started on as many images or rows as .*, but not on those; give what it was started on/;
    await fail(["train-vq", images, "--out", vq, "--resume", "--steps", "4"], 4, refused);
    const tokens = path.join(folder, "other.safetensors");
    await encode(images, tokens);
    await fail(["train-vim", tokens, "--out", vim, "--resume", "--steps", "4"], 4, refused);
    await succeed(["train-vq", "--out", vq, "--resume", "--steps", "4"]);
  }));

test("a preset given again leaves what was set beside it", () =>
  inTemporaryFolder(async (folder) => {
    const run = path.join(folder, "vq");
    const args = ["train-vq", EMOJI, "--out", run, "--batch-size", "4", "--log-every", "1"];
    await succeed([...args, ...VQ, "--lr", "1e-5", "--lr-final", "1e-6", "--warmup", "0", "--steps", "2"]);
    await succeed(["train-vq", EMOJI, "--out", run, "--preset", "tiny", "--resume", "--steps", "4"]);
    const rates = (await metricsOf(run)).map(({ rate }) => rate as number);
    assert.ok(rates.length === 4 && rates.every((rate) => rate <= 1e-5), String(rates));
  }));

test("a perceptual loss finds its weights where they were moved, and no others", () =>
  inTemporaryFolder(async (folder) => {
    const [run, vgg, moved, other] = ["vq", "vgg", "moved", "other"].map((name) => path.join(folder, name)) as Four;
    const weights = hashedVgg();
    await writeHostTensors(vgg, weights);
    const size = ["--image-size", "16", "--patch-size", "8", "--batch-size", "2"];
    const perceptual = ["--vgg", vgg, "--perceptual-form", "features"];
    await succeed(["train-vq", EMOJI, "--out", run, ...VQ, ...size, ...perceptual, "--steps", "1"]);
    await rename(vgg, moved);
    const resumed = (...more: string[]) => ["train-vq", "--out", run, "--resume", ...more];
    await fail(resumed("--steps", "2"), 4, /vgg: /);
    await succeed(resumed("--steps", "2", "--vgg", moved));
    weights["features.0.bias"]!.data[0]! += 1;
    await writeHostTensors(other, weights);
    await fail(
      resumed("--steps", "3", "--vgg", other),
      4,
      /vq: its perceptual loss was started with .* given now are /,
    );
    await fail(resumed("--steps", "3", "--lpips", other), 2, /--lpips asks for .* was started with none/);
    // A run of a version that kept no hash.
    const { perceptual: _, ...config } = JSON.parse(await readFile(path.join(run, "config.json"), "utf8")) as Stored;
    await writeFile(path.join(run, "config.json"), JSON.stringify(config));
    await succeed(resumed("--steps", "3", "--vgg", other));
  }));

type Four = [string, string, string, string];
type Stored = Record<string, unknown>;

test("a frozen encoder's training takes the same command line again, and the frozen run where it was moved", () =>
  inTemporaryFolder(async (folder) => {
    const small = path.join(folder, "small");
    const size = ["--image-size", "16", "--patch-size", "4"];
    await succeed(["train-vq", EMOJI, "--out", small, ...VQ, ...size, "--steps", "2", "--batch-size", "4"]);
    const decoder = ["--preset", "tiny", "--adversarial-weight", "0", "--decoder-depth", "1", "--batch-size", "4"];
    const args = ["train-vq", EMOJI, "--out", path.join(folder, "frozen"), "--freeze-encoder", small, ...decoder];
    await succeed([...args, "--steps", "2"]);
    await succeed([...args, "--steps", "4", "--resume"]);
    const [moved, resumed] = [
      path.join(folder, "moved"),
      ["train-vq", "--out", path.join(folder, "frozen"), "--resume"],
    ];
    await rename(small, moved);
    await succeed([...resumed, "--freeze-encoder", moved, "--steps", "5"]);
    await succeed([
      "train-vq",
      EMOJI,
      "--out",
      small,
      ...VQ,
      ...size,
      "--steps",
      "2",
      "--batch-size",
      "4",
      "--seed",
      "9",
    ]);
    await fail([...resumed, "--freeze-encoder", small, "--steps", "6"], 4, /frozen .* is not what it was/);
    await fail(["train-vq", "--out", moved, "--resume", "--freeze-encoder", small], 2, /was started with none/);
  }));

test.run();
