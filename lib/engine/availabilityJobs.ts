/**
 * What the child process of a probe does: one job, named in one message, answered in one message.
 *
 * Loading native code and opening a device can abort the process or never return, which is why it is done here.
 */
import { createRequire } from "node:module";
import { answerJob } from "../childJob.js";
import { ELEMENT, writeModel } from "./onnx.js";
import type { OnnxDevice } from "./onnxruntime.js";
import type { Precision } from "./types.js";

/** What a probe tries. `from` is a file or folder URL from which packages are looked up. */
export type Job =
  | {
      readonly kind: "onnxruntime";
      readonly provider: OnnxDevice;
      readonly precision: Precision;
      readonly from: string;
    }
  | { readonly kind: "tensorflow"; readonly packageName: string; readonly from: string }
  | { readonly kind: "sharp"; readonly from: string };

/** What each kind of job finds out. */
export type Findings = {
  onnxruntime: { version: string };
  tensorflow: { version: string; gpu: boolean };
  sharp: { version: string; libvips: string; reads: readonly string[]; writes: readonly string[] };
};

answerJob(perform);

async function perform(job: Job): Promise<Findings[Job["kind"]]> {
  const require = createRequire(job.from);
  switch (job.kind) {
    case "onnxruntime":
      return probeOnnxruntime(require("onnxruntime-node") as Onnxruntime, job);
    case "tensorflow":
      return probeTensorflow(require(job.packageName) as Tensorflow);
    case "sharp":
      return probeSharp(require("sharp") as typeof import("sharp"));
  }
}

type Onnxruntime = typeof import("onnxruntime-node");

/** Squares two numbers in a session that may not fall back to another provider; on CUDA it folds them, too, with cuDNN. */
async function probeOnnxruntime(
  ort: Onnxruntime,
  { provider, precision }: { provider: string; precision: Precision },
): Promise<Findings["onnxruntime"]> {
  const model = provider === "cuda" ? foldingModel() : squareModel(precision);
  const session = await ort.InferenceSession.create(model, {
    executionProviders: [provider],
    ...(provider === "cpu" ? {} : { extra: { session: { disable_cpu_ep_fallback: "1" } } }),
  });
  const { y, sum } = await session.run({ x: new ort.Tensor("float32", [3, -4], [1, 1, 2]) });
  expectNumbers(y?.data, [9, 16]);
  if (provider === "cuda") expectNumbers(sum?.data, [25]);
  return { version: ort.env.versions.node ?? ort.env.versions.common };
}

type Tensorflow = typeof import("@tensorflow/tfjs") & { readonly version: { readonly "tfjs-node"?: string } };

/** Squares two numbers; the kernel for that goes through the part that Node 23 broke. */
async function probeTensorflow(tf: Tensorflow): Promise<Findings["tensorflow"]> {
  expectNumbers(await tf.mul(tf.tensor1d([3, -4]), tf.tensor1d([3, -4])).data(), [9, 16]);
  const backend = tf.backend() as { readonly isUsingGpuDevice?: boolean };
  return { version: tf.version["tfjs-node"] ?? tf.version.tfjs, gpu: backend.isUsingGpuDevice === true };
}

function probeSharp(sharp: typeof import("sharp")): Findings["sharp"] {
  const formats = Object.values(sharp.format);
  return {
    version: sharp.versions.sharp ?? "unknown",
    libvips: sharp.versions.vips,
    reads: formats.filter(({ input }) => input.file).map(({ id }) => id),
    writes: formats.filter(({ output }) => output.file).map(({ id }) => id),
  };
}

function expectNumbers(got: unknown, want: readonly number[]): void {
  const numbers = got instanceof Float32Array ? [...got] : [];
  if (numbers.join() !== want.join()) throw new Error(`computed ${numbers.join()} instead of ${want.join()}`);
}

/** The ONNX model `y = x * x` over two floats, multiplied in `precision`. */
function squareModel(precision: Precision): Uint8Array {
  const cast = (input: string, output: string, to: Precision) =>
    node("Cast", [input], output, { to: BigInt(ELEMENT[to]) });
  const nodes =
    precision === "float32"
      ? [node("Mul", ["x", "x"], "y")]
      : [cast("x", "h", precision), node("Mul", ["h", "h"], "p"), cast("p", "y", "float32")];
  return writeModel({ name: "square", nodes, inputs: [pair("x")], outputs: [pair("y")], initializers: [] });
}

/** The same, and `sum`, x folded with itself. */
function foldingModel(): Uint8Array {
  const nodes = [node("Mul", ["x", "x"], "y"), node("Conv", ["x", "x"], "sum")];
  const outputs = [pair("y"), { ...pair("sum"), shape: [1, 1, 1] }];
  return writeModel({ name: "square", nodes, inputs: [pair("x")], outputs, initializers: [] });
}

const pair = (name: string) => ({ name, type: "float32", shape: [1, 1, 2] }) as const;

function node(op: string, inputs: string[], output: string, attributes = {}) {
  return { op, domain: "", inputs, outputs: [output], attributes };
}
