import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import * as tf from "@tensorflow/tfjs";
import * as ort from "onnxruntime-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { writeModel } from "../../lib/engine/onnx.js";
import { createOnnxEngine, givesMemoryBack, sessionOptions } from "../../lib/engine/onnxruntime.js";
import { recomputed, trace } from "../../lib/engine/traceBackend.js";
import type { NamedHostTensors, Program, Step, StepOptions } from "../../lib/engine/types.js";
import { customGradient } from "../../lib/nn/customGradient.js";
import { rngFrom } from "../../lib/random.js";
import { floats, integers } from "../hostTensors.js";
import { expectClose, expectRejection, inTemporaryFolder } from "../support.js";

const test = suite("engine/onnxruntime");

/** Compiles, lends the program to `body`, disposes it. */
async function withProgram<T>(step: Step, options: StepOptions, body: (program: Program) => Promise<T>): Promise<T> {
  const program = await (await createOnnxEngine({ threads: 1, spinning: false })).compile(step, options);
  try {
    return await body(program);
  } finally {
    await program.dispose();
  }
}

const linear: Step = ({ x, W }) => ({ y: tf.matMul(x as tf.Tensor2D, W as tf.Tensor2D), best: tf.argMax(x!, 1) });
const linearOptions: StepOptions = {
  name: "linear",
  inputs: { x: { dtype: "float32", shape: ["b", 2] } },
  constants: { W: floats([2, 2], 1, 2, 3, 4) },
};

test("runs a step with constants, again and again, for any size of a string dimension", async () => {
  const engine = await createOnnxEngine();
  assert.equal([engine.name, engine.device], ["onnxruntime", "cpu"]);
  await withProgram(linear, linearOptions, async (program) => {
    assert.is(program.name, "linear");
    const one = await program.run({ x: floats([1, 2], 1, 2) });
    assert.equal(one, { y: floats([1, 2], 7, 10), best: integers([1], 1) });
    const three = await program.run({ x: floats([3, 2], 1, 0, 0, 1, 1, 1) });
    assert.equal(three["y"], floats([3, 2], 1, 2, 3, 4, 4, 6));
    assert.equal(one["y"], floats([1, 2], 7, 10), "results of the run before are left alone");
  });
});

test("constants that are given up are empty once a step is compiled, and it computes with them; others stay", async () => {
  for (const givesUpConstants of [true, false, undefined]) {
    // Small ones lie in the model, large ones beside it.
    const constants = {
      W: floats([2, 2], 1, 2, 3, 4),
      large: { ...floats([2, 512]), data: new Float32Array(1024).fill(2) },
    };
    const step: Step = ({ x, W, large }) => ({ y: tf.sum(tf.matMul(tf.matMul(x as tf.Tensor2D, W!), large!), 1) });
    const options: StepOptions = {
      ...linearOptions,
      constants,
      ...(givesUpConstants === undefined ? {} : { givesUpConstants }),
    };
    await withProgram(step, options, async (program) => {
      assert.equal(
        Object.values(constants).map(({ data }) => data.length),
        givesUpConstants ? [0, 0] : [4, 1024],
      );
      assert.equal(await program.run({ x: floats([1, 2], 1, 2) }), { y: floats([1], 17 * 2 * 512) });
    });
  }
});

test("refuses inputs that are missing, unknown or of another shape or type", () =>
  withProgram(linear, linearOptions, async (program) => {
    const x = floats([1, 2], 1, 2);
    await expectRejection(program.run({}), Error, /linear: input "x" is missing/);
    await expectRejection(program.run({ x, z: x }), Error, /linear: unknown input "z"/);
    await expectRejection(program.run({ x: floats([2], 1, 2) }), Error, /linear: input "x" wants float32 \[b, 2\]/);
    await expectRejection(program.run({ x: integers([1, 2], 1, 2) }), Error, /linear: input "x" wants float32/);
  }));

test("refuses declarations that contradict themselves", async () => {
  const engine = await createOnnxEngine();
  const constants = { x: floats([2], 1, 2) };
  await expectRejection(
    engine.compile(linear, { ...linearOptions, constants }),
    Error,
    /"x" is both an input and a constant/,
  );
});

test("returns inputs, constants, duplicates and broadcasts as what they are", async () => {
  const step: Step = ({ x, n }) => ({
    same: x!,
    twice: x!,
    count: n!,
    made: tf.exp(x!),
    madeAgain: tf.exp(x!),
    table: tf.tensor([1, 2, 3]),
    zeros: tf.zeros([2, 2], "int32"),
    wide: tf.mul(tf.ones([2, 3]), x!),
    one: tf.scalar(5),
    part: tf.unstack(tf.stack([x!, tf.neg(x!)]))[1]!,
  });
  const inputs: StepOptions["inputs"] = { x: { dtype: "float32", shape: [3] }, n: { dtype: "int32", shape: [] } };
  await withProgram(step, { name: "copies", inputs }, async (program) => {
    const x = floats([3], 0, 0, 0);
    assert.equal(await program.run({ x, n: integers([], 9) }), {
      same: x,
      twice: x,
      count: integers([], 9),
      made: floats([3], 1, 1, 1),
      madeAgain: floats([3], 1, 1, 1),
      table: floats([3], 1, 2, 3),
      zeros: integers([2, 2], 0, 0, 0, 0),
      wide: floats([2, 3], 0, 0, 0, 0, 0, 0),
      one: floats([], 5),
      part: floats([3], -0, -0, -0),
    });
  });
});

test("inputs no result needs are still accepted", async () => {
  const inputs: StepOptions["inputs"] = { x: { dtype: "float32", shape: [1] }, idle: { dtype: "int32", shape: [2] } };
  await withProgram(
    ({ x }) => ({ y: tf.mul(x!, 2) }),
    { name: "idle", inputs },
    async (program) => {
      const { y } = await program.run({ x: floats([1], 4), idle: integers([2], 0, 0) });
      assert.equal(y, floats([1], 8));
    },
  );
});

test("a result of another type is named", async () => {
  const inputs: StepOptions["inputs"] = { x: { dtype: "float32", shape: [2] } };
  await withProgram(
    ({ x }) => ({ y: tf.greater(x!, 0) }),
    { name: "signs", inputs },
    (program) => expectRejection(program.run({ x: floats([2], 1, -1) }), Error, /signs: result "y" is bool; .*cast it/),
  );
});

test("a disposed program says so, and may be disposed again", async () => {
  const program = await (await createOnnxEngine({ threads: 1 })).compile(linear, linearOptions);
  await program.dispose();
  await program.dispose();
  await expectRejection(program.run({ x: floats([1, 2], 1, 2) }), Error, /linear: the program was disposed/);
});

test("two programs with the same number of threads give the same bits, however idle threads wait", async () => {
  const rng = rngFrom(3);
  const random = (shape: [number, number]) => floats(shape, ...Array.from({ length: shape[0] * shape[1] }, rng.normal));
  const feeds: NamedHostTensors = { x: random([64, 256]), w: random([256, 96]) };
  const step: Step = ({ x, w }) => {
    const loss = (a: tf.Tensor, b: tf.Tensor): tf.Scalar =>
      tf.mean(tf.logSumExp(tf.matMul(a as tf.Tensor2D, b as tf.Tensor2D), 1));
    const [dx, dw] = tf.grads(loss)([x!, w!]);
    return { dx: dx!, dw: dw! };
  };
  const inputs: StepOptions["inputs"] = {
    x: { dtype: "float32", shape: [64, 256] },
    w: { dtype: "float32", shape: [256, 96] },
  };
  const results: NamedHostTensors[] = [];
  for (const spinning of [false, false, true]) {
    const engine = await createOnnxEngine({ threads: 2, spinning });
    const program = await engine.compile(step, { name: "bits", inputs });
    results.push(await program.run(feeds), await program.run(feeds));
    await program.dispose();
  }
  const [first, ...others] = results;
  for (const other of others)
    for (const name of ["dx", "dw"]) expectClose(other[name]!.data, first![name]!.data, name, { absolute: 0 });
});

/** Names of the kernels a session ran, in order. */
async function executed(step: Step, options: StepOptions, feeds: NamedHostTensors): Promise<string[]> {
  return inTemporaryFolder(async (folder) => {
    const session = await ort.InferenceSession.create(writeModel(trace(step, options, "cpu")), {
      ...sessionOptions({ threads: 1 }),
      enableProfiling: true,
      profileFilePrefix: path.join(folder, "profile"),
    });
    const tensors = Object.entries(feeds).map(([key, { data, shape }]) => [
      key,
      new ort.Tensor(data as Float32Array, shape),
    ]);
    await session.run(Object.fromEntries(tensors) as Record<string, ort.Tensor>);
    session.endProfiling();
    await session.release();
    const [file] = await readdir(folder);
    const events = JSON.parse(await readFile(path.join(folder, file!), "utf8")) as ProfileEvent[];
    return events.flatMap(({ cat, name, args }) =>
      cat === "Node" && name.endsWith("_kernel_time") && args?.op_name ? [args.op_name] : [],
    );
  });
}

type ProfileEvent = { cat: string; name: string; args?: { op_name?: string } };

/** A layer whose gradient keeps nothing but its input and computes the rest anew. */
const layer = (x: tf.Tensor): tf.Tensor =>
  customGradient<[tf.Tensor]>(
    {
      forward: (a) => ({ value: tf.tanh(tf.sin(a)), saved: [a] }),
      backward: (dy, [a]) =>
        recomputed(() => [tf.mul(tf.mul(dy, tf.cos(a!)), tf.sub(1, tf.square(tf.tanh(tf.sin(a!)))))]),
    },
    x,
  );

test("memory is given back where large weights are fed, unless there are convolutions", () => {
  const product: Step = ({ x, W }) => ({ y: tf.matMul(x as tf.Tensor2D, W as tf.Tensor2D) });
  const filtered: Step = (inputs) => {
    const images = tf.reshape(inputs["x"]!, [1, 20, 20, 10]) as tf.Tensor4D;
    return { ...product(inputs), z: tf.conv2d(images, tf.ones([3, 3, 10, 1]) as tf.Tensor4D, 1, "same") };
  };
  const graphOf = (step: Step, columns: number) => {
    const matrix = (...shape: number[]) => ({ dtype: "float32", shape }) as const;
    return trace(step, { name: "step", inputs: { x: matrix(1, 4000), W: matrix(4000, columns) } }, "cpu");
  };
  const large = graphOf(product, 5000);
  assert.ok(givesMemoryBack({}, large, "linux"));
  assert.not.ok(givesMemoryBack({}, graphOf(product, 4990), "linux"), "less than 80 MB");
  assert.not.ok(givesMemoryBack({}, graphOf(filtered, 5000), "linux"));
  assert.not.ok(givesMemoryBack({ device: "webgpu" }, large, "linux"));
  for (const platform of ["darwin", "win32"] as const) assert.not.ok(givesMemoryBack({}, large, platform));
});

test("a matrix that is transposed ahead of its product is not transposed within it after all", async () => {
  const step: Step = ({ x, y }) => ({ z: tf.matMul(x!, y!, true) });
  const inputs: StepOptions["inputs"] = {
    x: { dtype: "float32", shape: [4, 2] },
    y: { dtype: "float32", shape: [4, 128] },
  };
  const feeds = { x: floats([4, 2], ...new Array(8).fill(1)), y: floats([4, 128], ...new Array(512).fill(1)) };
  assert.equal(await executed(step, { name: "wide", inputs }, feeds), ["Transpose", "MatMul"]);
});

test("recomputed nodes run twice, in the order in which the step made them", async () => {
  const step: Step = ({ x }) => ({ g: tf.grad((a: tf.Tensor) => tf.sum(tf.exp(layer(layer(layer(a))))))(x!) });
  const options: StepOptions = { name: "order", inputs: { x: { dtype: "float32", shape: [4] } } };
  const order = await executed(step, options, { x: floats([4], 0.1, 0.2, 0.3, 0.4) });
  const forward = ["Sin", "Tanh", "Sin", "Tanh", "Sin", "Tanh", "Exp"];
  const backward = ["Cos", "Mul", "Sin", "Tanh", "Mul", "Sub", "Mul"];
  assert.equal(order, [...forward, ...backward, ...backward, ...backward]);
});

test("a result that is shaped twice does not run, with all that it needs, before those that come earlier", async () => {
  const step: Step = ({ x }) => {
    const sine = tf.sin(x!);
    const early = tf.abs(sine);
    const last = tf.exp(tf.cos(sine));
    return { early, late: tf.reshape(tf.reshape(last, [2, 2]), [1, 4]) };
  };
  const options: StepOptions = { name: "order", inputs: { x: { dtype: "float32", shape: [4] } } };
  const order = await executed(step, options, { x: floats([4], 0.1, 0.2, 0.3, 0.4) });
  assert.equal(order, ["Sin", "Abs", "Cos", "Exp", "Reshape"]);
});

test.run();
