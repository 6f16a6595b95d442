import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type BatchedOptions, type BatchPlan, compileBatched, fastestBatch } from "../../lib/engine/batched.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { Engine, Program, StepOptions } from "../../lib/engine/types.js";
import { floats } from "../hostTensors.js";
import { expectRejection } from "../support.js";

const test = suite("engine/batched");

const engine = await createOnnxEngine({ threads: 1 });

/** Sums of each item's row, scaled, and its label and one. */
const sums: BatchPlan = (B) => ({
  step: ({ rows, labels, scale }) => ({
    sums: tf.mul(tf.sum(rows!, 1), scale!),
    next: tf.add(labels!, tf.scalar(1, "int32")),
  }),
  options: {
    name: "sums",
    inputs: {
      rows: { dtype: "float32", shape: [B, 3] },
      labels: { dtype: "int32", shape: [B] },
      scale: { dtype: "float32", shape: [] },
    },
  },
});

const OPTIONS: BatchedOptions = {
  engine,
  plan: sums,
  items: ["rows", "labels"],
  most: 4,
  feeds: { scale: floats([], 10) },
};

/** The options of every program that is compiled, and how often it runs. */
function watched() {
  const compiled: StepOptions[] = [];
  let runs = 0;
  const watching: Engine = {
    ...engine,
    compile: async (step, options) => {
      compiled.push(options);
      const program = await engine.compile(step, options);
      const run: Program["run"] = (inputs) => {
        runs++;
        return program.run(inputs);
      };
      return { ...program, run };
    },
  };
  return { watching, compiled, runs: () => runs };
}

test("any number of items is cut up into batches, the last one padded; none give nothing", async () => {
  const { watching, compiled, runs } = watched();
  const program = await compileBatched({ ...OPTIONS, engine: watching });
  assert.equal([program.name, compiled[0]!.inputs["rows"]!.shape], ["sums", [4, 3]]);
  for (const count of [0, 1, 4, 9]) {
    const before = runs();
    const rows = Float32Array.from({ length: 3 * count }, (_, i) => i);
    const labels = Int32Array.from({ length: count }, (_, i) => 5 * i);
    const want = {
      sums: Float32Array.from({ length: count }, (_, i) => 10 * (9 * i + 3)),
      next: labels.map((label) => label + 1),
    };
    assert.equal(await program.run({ rows, labels }), count === 0 ? {} : want);
    assert.is(runs() - before, Math.ceil(count / 4));
  }
  await program.close();
});

test("numbers of items that are not whole, or not of the same items, are refused", async () => {
  const program = await compileBatched(OPTIONS);
  const run = (rows: number, labels: number) =>
    program.run({ rows: new Float32Array(rows), labels: new Int32Array(labels) });
  await expectRejection(run(7, 2), RangeError, /^sums: want rows of 3 numbers each, got 7 numbers$/);
  await expectRejection(run(9, 2), RangeError, /^sums: want as many rows as labels, got 3 and 2$/);
  await program.close();
});

/** A step that holds `megabytes` for each item at once. */
const holding =
  (megabytes: number): BatchPlan =>
  (B) => ({
    step: ({ x }) => ({ y: tf.max(tf.exp(tf.tile(tf.expandDims(x!, 1), [1, megabytes * 250_000])), 1) }),
    options: { name: "holding", inputs: { x: { dtype: "float32", shape: [B] } } },
  });

test("ONNX Runtime on a processor computes as many at once as its cache holds, in equal batches; others all", () => {
  const sizes = (megabytes: number, device = "cpu", name: Engine["name"] = "onnxruntime") =>
    [1, 4, 32, 100].map((most) => fastestBatch({ name, device, laneThreads: 2 }, most, holding(megabytes)));
  assert.equal(sizes(1), [1, 4, 16, 20]); // 24 fit
  assert.equal(sizes(5), [1, 4, 4, 4]);
  assert.equal(sizes(30), [1, 1, 1, 1]);
  assert.is(fastestBatch({ name: "onnxruntime", device: "cpu", laneThreads: 16 }, 100, holding(5)), 34); // 38 fit
  assert.equal(sizes(30, "webgpu"), [1, 4, 32, 100]);
  assert.equal(sizes(30, "cpu", "tensorflow"), [1, 4, 32, 100]);
});

test("a graph is no larger than is fastest, and what it gives is the same", async () => {
  const { watching, compiled, runs } = watched();
  const program = await compileBatched({ engine: watching, plan: holding(5), items: ["x"], most: 32 });
  assert.equal(compiled[0]!.inputs["x"]!.shape, [2]); // of one thread
  const x = Float32Array.from({ length: 6 }, (_, i) => i / 10);
  const { y } = await program.run({ x });
  assert.equal([y!.length, runs()], [6, 3]);
  for (const [i, most] of y!.entries()) assert.ok(Math.abs(most - Math.exp(i / 10)) < 1e-6, `${i}: ${most}`);
  await program.close();
});

test.run();
