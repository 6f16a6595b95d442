import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import "../../../lib/engine/lowerings/index.js";
import { type OnnxGraph, writeModel } from "../../../lib/engine/onnx.js";
import { createOnnxEngine, sessionOptions } from "../../../lib/engine/onnxruntime.js";
import { loadOrt } from "../../../lib/engine/ort.js";
import { trace } from "../../../lib/engine/traceBackend.js";
import type { Step, StepOptions } from "../../../lib/engine/types.js";
import { blur } from "../../../lib/nn/blur.js";

const test = suite("late shapes");

const spec = (...shape: number[]) => ({ dtype: "float32", shape }) as const;
const convolution: Step = ({ images, filter }) => ({
  made: tf.leakyRelu(tf.conv2d(images as tf.Tensor4D, filter as tf.Tensor4D, 1, "same"), 0.2),
});
const trained: StepOptions = { name: "trained", inputs: { images: spec(1, 6, 5, 2), filter: spec(3, 3, 2, 4) } };
const builtIn: StepOptions = {
  name: "built in",
  inputs: { images: spec(1, 6, 5, 2) },
  constants: { filter: { dtype: "float32", shape: [3, 3, 2, 4], data: new Float32Array(72).fill(0.5) } },
};

/** Whether what the convolutions of a graph read has a shape that is no constant. */
function isLate({ nodes, initializers }: OnnxGraph): boolean {
  const constants = new Set(initializers.map(({ name }) => name));
  const convolutions = nodes.filter(({ op }) => op === "Conv" || op === "ConvTranspose");
  const images = convolutions.map(({ inputs }) => inputs[0]);
  assert.ok(images.length > 0, "there are convolutions");
  return images.every((name) => {
    const maker = nodes.find(({ outputs }) => outputs[0] === name);
    return maker?.op === "Reshape" && !constants.has(maker.inputs[1]!);
  });
}

test("images of filters that are trained have a late shape on the processor, and no others", () => {
  const cases: [StepOptions, "cpu" | "webgpu", boolean][] = [
    [trained, "cpu", true],
    [trained, "webgpu", false],
    [builtIn, "cpu", false],
  ];
  for (const [options, target, late] of cases)
    assert.is(isLate(trace(convolution, options, target)), late, `${options.name}, ${target}`);
});

test("gradients come back through late shapes, each made once", () => {
  const step: Step = ({ images, filter, point }) => {
    const f = (x: tf.Tensor, w: tf.Tensor, v: tf.Tensor) => {
      const y = blur(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same"), { pad: 1, stride: 2 });
      return tf.conv2d(tf.conv2d(y as tf.Tensor4D, w as tf.Tensor4D, 2, "same"), v as tf.Tensor4D, 1, "same");
    };
    const [x, w, v] = tf.grads((...all) => tf.square(f(all[0]!, all[1]!, all[2]!)))([images!, filter!, point!]);
    return { x: x!, w: w!, v: v! };
  };
  const inputs = { images: spec(1, 16, 14, 4), filter: spec(3, 3, 4, 4), point: spec(1, 1, 4, 3) };
  const graph = trace(step, { name: "gradients", inputs }, "cpu");
  assert.ok(graph.nodes.filter(({ op }) => op === "ConvTranspose").length >= 2, "of the stride and of the blur");
  assert.ok(isLate(graph));
  const constants = new Set(graph.initializers.map(({ name }) => name));
  const shapes = graph.nodes.filter(({ op, inputs: [first] }) => op === "Mul" && constants.has(first!));
  assert.ok(shapes.length > 0);
  assert.is(new Set(shapes.map(({ inputs: [first] }) => first)).size, shapes.length, "each shape is made once");
});

test("a shape that varies from run to run is late as it is, and an input without elements tells nothing", async () => {
  const scaled: Step = ({ images, filter }) => ({
    made: tf.conv2d(images as tf.Tensor4D, tf.mul(filter!, 2) as tf.Tensor4D, 1, "same"),
  });
  const shape = ["B", 6, 5, 2] as const;
  const options: StepOptions = {
    name: "varying",
    inputs: { nothing: spec(0), images: { dtype: "float32", shape }, filter: spec(3, 3, 2, 4) },
  };
  const engine = await createOnnxEngine({ threads: 1 });
  const program = await engine.compile(scaled, options);
  const floats = (...dims: number[]) => {
    const data = new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(1);
    return { dtype: "float32", shape: dims, data } as const;
  };
  const inputs = { nothing: floats(0), images: floats(3, 6, 5, 2), filter: floats(3, 3, 2, 4) };
  const { made } = await program.run(inputs);
  assert.equal(made!.shape, [3, 6, 5, 4]);
  assert.is(made!.data[0], 16); // four of nine taps, two channels, times two
  const fixed = { ...options, name: "fixed", inputs: { ...options.inputs, images: spec(3, 6, 5, 2) } };
  const again = await (await engine.compile(scaled, fixed)).run(inputs);
  assert.equal(again["made"], made);
});

test("whatever else works on such images works on the planes with the late shape", () => {
  const step: Step = ({ images, filter }) => ({
    made: tf.add(tf.sum(tf.conv2d(images as tf.Tensor4D, filter as tf.Tensor4D, 1, "same")), tf.sum(tf.abs(images!))),
  });
  const { nodes } = trace(step, trained, "cpu");
  const inputOf = (wanted: string) => nodes.find(({ op }) => op === wanted)!.inputs[0];
  assert.is(inputOf("Abs"), inputOf("Conv"));
});

test("ONNX Runtime's optimisations do not find the shape out", async () => {
  const folder = await mkdtemp(path.join(tmpdir(), "vitvq-late-"));
  try {
    const optimizedModelFilePath = path.join(folder, "optimized.onnx");
    const ort = await loadOrt();
    const model = writeModel(trace(convolution, trained, "cpu"));
    // The file is of this machine alone, which the fourth level of severity does not say.
    const session = await ort.InferenceSession.create(model, {
      ...sessionOptions({}),
      optimizedModelFilePath,
      logSeverityLevel: 4,
    });
    await session.release();
    const optimized = await readFile(optimizedModelFilePath, "latin1");
    assert.match(optimized, "Greater");
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("nothing depends on what is fed: infinities and no numbers have their shapes, too", async () => {
  const ort = await loadOrt();
  const session = await ort.InferenceSession.create(writeModel(trace(convolution, trained, "cpu")), sessionOptions({}));
  for (const value of [Number.POSITIVE_INFINITY, Number.NaN, Number.NEGATIVE_INFINITY, 1]) {
    const feeds = {
      images: new ort.Tensor("float32", new Float32Array(60).fill(value), [1, 6, 5, 2]),
      filter: new ort.Tensor("float32", new Float32Array(72).fill(1), [3, 3, 2, 4]),
    };
    const { made } = await session.run(feeds);
    assert.equal(made!.dims, [1, 6, 5, 4], String(value));
  }
  await session.release();
});

test.run();
