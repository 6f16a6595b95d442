/** `--device webgpu`, from images to new images, beside the processor. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { missing } from "../engine/support/webgpu.js";
import { fixture, inTemporaryFolder, vitvq } from "../support.js";

const test = suite("commands/device");
const onDevice = missing === undefined ? test : test.skip;

const IMAGES = fixture("fashion-mnist-mini", "t10k-images-idx3-ubyte.gz");
const STAGE_1 = ["train-vq", IMAGES, "--preset", "tiny", "--image-size", "8", "--patch-size", "4", "--channels", "1"];
for (const part of ["encoder", "decoder"])
  STAGE_1.push(`--${part}-dim`, "8", `--${part}-depth`, "1", `--${part}-heads`, "2");
STAGE_1.push("--codebook-size", "16", "--code-dim", "4", "--adversarial-weight", "0", "--batch-size", "4");
const STAGE_2 = ["--preset", "tiny", "--dim", "16", "--heads", "2", "--depth", "1", "--batch-size", "4"];

async function done(...args: string[]): Promise<string> {
  const { status, stderr, stdout } = await vitvq([...args, "--quiet"]);
  assert.is(status, 0, `${args.join(" ")}: ${stderr}`);
  return stdout;
}

const lossesOf = async (run: string, name: string) =>
  (await readFile(path.join(run, "metrics.jsonl"), "utf8"))
    .trim()
    .split("\n")
    .map((line) => (JSON.parse(line) as Record<string, number>)[name]!.toPrecision(4));

onDevice("a training begun on the processor goes on there, and every command after it gives the same", () =>
  inTemporaryFolder(async (folder) => {
    const at = (...parts: string[]) => path.join(folder, ...parts);
    for (const device of ["cpu", "webgpu"]) {
      const train = [...STAGE_1, "--out", at(device), "--log-every", "1", "--checkpoint-every", "1"];
      await done(...train, "--steps", "1");
      await done(...train, "--steps", "3", "--resume", "--device", device);
      const on = ["--device", device];
      await done("encode", IMAGES, "--tokenizer", at("cpu"), "--out", at(`${device}.codes`), "--limit", "32", ...on);
      await done(
        "train-vim",
        at("cpu.codes"),
        "--out",
        at(`${device}-vim`),
        ...STAGE_2,
        "--steps",
        "2",
        "--log-every",
        "1",
        ...on,
      );
      const drawn = ["--tokenizer", at("cpu"), "--out", at(`${device}-samples`), "--count", "3", "--tokens-out"];
      await done("sample", at("cpu-vim"), ...drawn, at(`${device}.drawn`), "--seed", "1", ...on);
    }
    assert.equal(await lossesOf(at("webgpu"), "loss"), await lossesOf(at("cpu"), "loss"));
    assert.equal(await lossesOf(at("webgpu-vim"), "nll"), await lossesOf(at("cpu-vim"), "nll"));
    for (const kind of ["codes", "drawn"]) {
      const [got, want] = [await readFile(at(`webgpu.${kind}`)), await readFile(at(`cpu.${kind}`))];
      assert.ok(got.equals(want), kind);
    }
  }),
);

test("a device that is not here costs nothing but a sentence", () =>
  inTemporaryFolder(async (folder) => {
    const args = [...STAGE_1, "--out", path.join(folder, "run"), "--device", "webgpu"];
    const { status, stderr } = await vitvq(args, { env: { VK_DRIVER_FILES: path.join(folder, "none.json") } });
    assert.is(status, 6);
    assert.match(stderr, /--device webgpu: no GPU was found.*or compute with --device cpu/);
  }));

test("engines and rules without a device are refused beside one", async () => {
  const tensorflow = await vitvq([...STAGE_1, "--out", "never", "--device", "webgpu", "--engine", "tensorflow"]);
  assert.is(tensorflow.status, 2);
  assert.match(tensorflow.stderr, /--device webgpu: that is for --engine onnxruntime/);
  const adafactor = await vitvq([
    "train-vim",
    "none",
    "--out",
    "never",
    "--device",
    "webgpu",
    "--optimizer",
    "adafactor",
  ]);
  assert.is(adafactor.status, 2);
  assert.match(adafactor.stderr, /Adafactor updates on the processor alone; give --optimizer adamw/);
});

test.run();
