/** `--device webgpu`, from images to new images, beside the processor. */
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { missing, missingHalf } from "../engine/support/webgpu.js";
import { inTemporaryFolder, vitvq } from "../support.js";
import { expectSameImages, STAGE_1 } from "./support/imagesToImages.js";

const test = suite("commands/device");
const onDevice = missing === undefined ? test : test.skip;

onDevice("a training begun on the processor goes on there, and every command after it gives the same", () =>
  inTemporaryFolder((folder) => expectSameImages(folder, ["--device", "webgpu"])),
);

/** Everything for CUDA but the device. */
const cuda = { NODE_OPTIONS: `--import=${new URL("support/cudaOnProcessor.js", import.meta.url).href}` };

test("on CUDA, if it computes like the processor, images come to the same new images", () =>
  inTemporaryFolder((folder) => expectSameImages(folder, ["--device", "cuda"], cuda)));

test("a device that is not here costs nothing but a sentence", () =>
  inTemporaryFolder(async (folder) => {
    const args = [...STAGE_1, "--out", path.join(folder, "run"), "--device", "webgpu"];
    const { status, stderr } = await vitvq(args, { env: { VK_DRIVER_FILES: path.join(folder, "none.json") } });
    assert.is(status, 6);
    assert.match(stderr, /--device webgpu: no GPU was found.*or compute with --device cpu/);
  }));

const onlyFloat32 = missing === undefined && missingHalf !== undefined ? test : test.skip;

onlyFloat32("a device without 16-bit floats says so at once, and doctor before it", () =>
  inTemporaryFolder(async (folder) => {
    const run = ["--out", path.join(folder, "run"), "--device", "webgpu", "--precision", "float16"];
    const { status, stderr } = await vitvq([...STAGE_1, ...run]);
    assert.is(status, 6);
    assert.match(
      stderr,
      /--precision float16: the GPU or its driver has no 16-bit floats \(shader-f16.*--precision float32/,
    );
    const { stdout } = await vitvq(["doctor"]);
    assert.match(stdout, /half precision is absent: the GPU/);
  }),
);

test("half precision is refused without WebGPU", async () => {
  for (const on of [[], ["--device", "cpu"], ["--engine", "tensorflow"]]) {
    const { status, stderr } = await vitvq([
      ...STAGE_1,
      "--steps",
      "1",
      "--out",
      "never",
      "--precision",
      "float16",
      ...on,
    ]);
    assert.is(status, 2);
    assert.match(stderr, /--precision float16: that is for --engine onnxruntime with --device webgpu/);
  }
});

test("threads that spin are refused where none would", async () => {
  for (const on of [
    ["--device", "webgpu"],
    ["--engine", "tensorflow"],
  ]) {
    const { status, stderr } = await vitvq([...STAGE_1, "--steps", "1", "--out", "never", "--spin", ...on]);
    assert.is(status, 2);
    assert.match(stderr, /--spin: that is for --engine onnxruntime with --device cpu/);
  }
});

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
