import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../../lib/engine/onnxruntime.js";
import { trace } from "../../../lib/engine/traceBackend.js";
import type { HostTensor, NamedHostTensors, Step } from "../../../lib/engine/types.js";
import { rngFrom } from "../../../lib/random.js";
import { expectClose } from "../../support.js";

const test = suite("filters");

const rng = rngFrom(1);
const normals = (...shape: number[]): HostTensor => ({
  dtype: "float32",
  shape,
  data: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => rng.normal()),
});

/** A stride-1 and a stride-2 convolution, and the gradient by the images through both. */
const step: Step = ({ images, first, second }) => {
  const f = (x: tf.Tensor) =>
    tf.conv2d(tf.conv2d(x as tf.Tensor4D, first as tf.Tensor4D, 1, "same"), second as tf.Tensor4D, 2, "valid");
  return { made: f(images!), gradient: tf.grad((x: tf.Tensor) => tf.sum(tf.square(f(x))))(images!) };
};
const images = normals(2, 7, 9, 3);
/** The same numbers, lying somewhere in a larger array. */
const within = ({ shape, data, dtype }: HostTensor): HostTensor => {
  const larger = new Float32Array(data.length + 3);
  larger.set(data, 3);
  return { dtype, shape, data: larger.subarray(3) };
};
const filters = { first: within(normals(3, 2, 3, 5)), second: normals(3, 3, 5, 4) };
const specOf = ({ dtype, shape }: HostTensor) => ({ dtype, shape });
const specs = (tensors: NamedHostTensors) =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, specOf(tensor)]));
const fed = { name: "fed", inputs: specs({ images, ...filters }) };
const builtIn = { name: "built in", inputs: specs({ images }), constants: filters };

test("filters that are part of the model are in ONNX's order before the graph runs, and give the same results", async () => {
  const moving = (ops: readonly { op: string }[]) => ops.filter(({ op }) => op === "Split" || op === "Concat").length;
  for (const target of ["cpu", "webgpu"] as const) {
    assert.ok(moving(trace(step, fed, target).nodes) > 0, `${target}: fed filters are put in order by the graph`);
    const graph = trace(step, builtIn, target);
    assert.is(moving(graph.nodes), 0, target);
    assert.equal(
      graph.initializers.filter(({ shape }) => shape.length === 4).map(({ shape }) => shape),
      [
        [5, 3, 3, 2], // forward
        [4, 5, 3, 3], // forward, and backward at stride 2
        [3, 5, 3, 2], // backward at stride 1
      ],
      `${target}: none is there twice, nor as it came`,
    );
  }
  const engine = await createOnnxEngine({ threads: 1 });
  const results = await Promise.all([
    engine.compile(step, fed).then((program) => program.run({ images, ...filters })),
    engine.compile(step, builtIn).then((program) => program.run({ images })),
  ]);
  for (const name of ["made", "gradient"]) {
    const [want, got] = results.map((result) => result[name]!);
    assert.equal(got!.shape, want!.shape);
    expectClose(got!.data, want!.data, name, { relative: 1e-5, absolute: 1e-3 });
  }
});

test.run();
