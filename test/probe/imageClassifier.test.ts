import { writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { writeModel } from "../../lib/engine/onnx.js";
import type { OnnxTensorInfo } from "../../lib/engine/onnxModel.js";
import { FileError } from "../../lib/errors.js";
import type { ClassifierSpec } from "../../lib/probe/classifierSpec.js";
import { inputGeometry, openImageClassifier } from "../../lib/probe/imageClassifier.js";
import { expectClose, expectRejection, expectThrow, inTemporaryFolder } from "../support.js";
import { type SmallClassifier, writeColourClassifier } from "./support/onnxClassifier.js";

const test = suite("probe/imageClassifier");

const names = { classNames: ["red", "green", "blue"] };
const size = { height: 4, width: 4, channels: 3 } as const;
const COLOURS: readonly number[][] = [
  [1, 0, 0.2],
  [0.4, 0.6, 0.6],
  [0, 0, 1],
];
/** Images of one colour each. */
const images = Float32Array.from(COLOURS.flatMap((colour) => Array.from({ length: 16 }, () => colour).flat()));

const softmax = (logits: readonly number[]): number[] => {
  const parts = logits.map(Math.exp);
  const total = parts.reduce((a, b) => a + b, 0);
  return parts.map((part) => part / total);
};

async function classified(
  classifier: SmallClassifier,
  spec: Omit<ClassifierSpec, "classNames">,
): Promise<Float32Array> {
  return inTemporaryFolder(async (folder) => {
    const file = await writeColourClassifier(path.join(folder, "net.onnx"), classifier);
    const opened = await openImageClassifier(file, { spec: { ...names, ...spec }, batchSize: 5, threads: 1 });
    assert.is(opened.outputs, 3);
    const probabilities = await opened.classify({ images, size });
    await opened.close();
    return probabilities;
  });
}

const close = { absolute: 2e-6 };

test("logits become probabilities, in both layouts, with batches that the images do not fill", async () => {
  const want = COLOURS.flatMap((colour) => softmax(colour.map((value) => 10 * value)));
  for (const layout of ["NCHW", "NHWC"] as const)
    expectClose(await classified({ layout, side: 4, batch: 2 }, {}), want, layout, close);
});

test("range, mean and std are applied channel by channel", async () => {
  const spec = { range: [-1, 1], mean: [0.1, -0.2, 0], std: [2, 4, 0.5] } as const;
  const want = COLOURS.flatMap((colour) =>
    softmax(colour.map((value, c) => (10 * (2 * value - 1 - spec.mean[c]!)) / spec.std[c]!)),
  );
  for (const layout of ["NCHW", "NHWC"] as const)
    expectClose(await classified({ layout, side: 4, batch: 3 }, spec), want, layout, { absolute: 1e-5 });
});

test("rows that sum to 1 are probabilities as they are, unless the spec calls them logits", async () => {
  const net = { layout: "NCHW", side: 4, batch: 1, softmax: true } as const;
  const scores = COLOURS.map((colour) => softmax(colour.map((value) => 10 * value)));
  expectClose(await classified(net, {}), scores.flat(), "as they are", close);
  expectClose(await classified(net, { output: "logits" }), scores.flatMap(softmax), "logits", close);
  const raw = await classified({ ...net, softmax: false }, { output: "probabilities" });
  expectClose(raw.subarray(3, 6), [4, 6, 6], "what the spec calls probabilities", { absolute: 1e-5 });
});

test("images are resized to the input, or to more and cropped in the middle", async () => {
  const flat = COLOURS.flatMap((colour) => softmax(colour.map((value) => 10 * value)));
  expectClose(await classified({ layout: "NCHW", side: 8, batch: 3 }, {}), flat, "enlarged", { absolute: 1e-4 });
  await inTemporaryFolder(async (folder) => {
    const file = await writeColourClassifier(path.join(folder, "net.onnx"), { layout: "NHWC", side: 2, batch: 1 });
    const framed = new Float32Array(48); // black, with four red pixels in the middle
    for (const at of [5, 6, 9, 10]) framed[3 * at] = 1;
    const of = async (spec: Partial<ClassifierSpec>) => {
      const opened = await openImageClassifier(file, { spec: { ...names, ...spec }, batchSize: 1, threads: 1 });
      const [red = 0] = await opened.classify({ images: framed, size });
      await opened.close();
      return red;
    };
    expectClose([await of({ resize: 4 })], [softmax([10, 0, 0])[0]!], "the crop is red", close);
    const shrunk = await of({});
    assert.ok(shrunk < 0.98 && shrunk > 0.5, `a quarter of the whole is: ${shrunk}`);
  });
});

test("a model that leaves batch and sides open gets batches as large as there are images, of the spec's size", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "net.onnx");
    const node = (op: string, from: string, to: string) => {
      return { op, domain: "", inputs: [from], outputs: [to], attributes: {} };
    };
    const model = writeModel({
      name: "open",
      nodes: [node("GlobalAveragePool", "x", "mean"), node("Flatten", "mean", "scores")],
      inputs: [{ name: "x", type: "float32", shape: ["n", 3, "h", "w"] }],
      outputs: [{ name: "scores", type: "float32", shape: ["n", "classes"] }],
      initializers: [],
    });
    await writeFile(file, model);
    const spec = { ...names, size: 4, range: [0, 10], output: "logits" } as const;
    const opened = await openImageClassifier(file, { spec, batchSize: 2, threads: 1 });
    assert.is(opened.outputs, 3, "as ONNX Runtime infers it");
    const want = COLOURS.flatMap((colour) => softmax(colour.map((value) => 10 * value)));
    expectClose(await opened.classify({ images, size }), want, "probabilities", close);
    await opened.close();
  }));

test("scores may keep the sides that pooling leaves", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "net.onnx");
    const model = writeModel({
      name: "pooled",
      nodes: [{ op: "GlobalAveragePool", domain: "", inputs: ["x"], outputs: ["scores"], attributes: {} }],
      inputs: [{ name: "x", type: "float32", shape: ["n", 3, 4, 4] }],
      outputs: [{ name: "scores", type: "float32", shape: ["n", 3, 1, 1] }],
      initializers: [],
    });
    await writeFile(file, model);
    const opened = await openImageClassifier(file, { spec: { ...names, output: "logits" }, batchSize: 2, threads: 1 });
    assert.is(opened.outputs, 3);
    expectClose(await opened.classify({ images, size }), COLOURS.flatMap(softmax), "probabilities", close);
    await opened.close();
  }));

test("layout, channels and size come from the shape, from the spec where it leaves them open", () => {
  const of = (shape: OnnxTensorInfo["shape"], spec: Partial<ClassifierSpec> = {}, type = "float32") =>
    inputGeometry("net.onnx", [{ name: "x", type, shape }], { ...names, ...spec });
  const got = of(["batch", 3, 224, 224]);
  assert.equal(got, { name: "x", layout: "NCHW", channels: 3, size: 224, batch: undefined });
  assert.equal(of([1, 28, 28, 1]), { name: "x", layout: "NHWC", channels: 1, size: 28, batch: 1 });
  assert.is(of(["n", "h", "w", 3], { size: 32 }).size, 32);
  assert.is(of([1, 3, 3, 3], { layout: "NHWC" }).layout, "NHWC");
  const refused = (pattern: RegExp, ...given: Parameters<typeof of>) =>
    expectThrow(() => of(...given), FileError, pattern);
  refused(/net\.onnx: want a shape that tells its layout.*got x float32 \[1, 3, 3, 3\]/, [1, 3, 3, 3]);
  refused(/one input of images/, [1, 784]);
  refused(/one input of images/, [1, 3, 8, 8], {}, "uint8");
  refused(/a fixed side, or "size"/, ["n", 3, "h", "w"]);
  refused(/one side for height, width and the spec's size \(224 or 256\)/, ["n", 3, 224, 224], { size: 256 });
  refused(/one side/, ["n", 3, 224, 192]);
  refused(/a "resize" of at least 224/, ["n", 3, 224, 224], { resize: 200 });
  refused(/mean and std for 1 channel/, ["n", 1, 28, 28], { mean: [0, 0, 0] });
  refused(/1 or 3 channels/, ["n", 3, 8, 8], { layout: "NHWC" });
});

test("an output that is not there is refused", () =>
  inTemporaryFolder(async (folder) => {
    const file = await writeColourClassifier(path.join(folder, "net.onnx"), { layout: "NCHW", side: 4, batch: 1 });
    const options = { spec: { ...names, outputName: "logits" }, batchSize: 1, threads: 1 };
    await expectRejection(openImageClassifier(file, options), FileError, /want an output logits, got scores/);
  }));

test.run();
