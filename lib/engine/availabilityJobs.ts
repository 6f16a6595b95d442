/**
 * What the child process of a probe does: one job, named in one message, answered in one message.
 *
 * Loading native code and opening a device can abort the process or never return, which is why it is done here.
 */
import { createRequire } from "node:module";
import { answerJob } from "../childJob.js";

/** What a probe tries. `from` is a file or folder URL from which packages are looked up. */
export type Job =
  | { readonly kind: "onnxruntime"; readonly provider: "cpu" | "webgpu" | "cuda"; readonly from: string }
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
      return probeOnnxruntime(require("onnxruntime-node") as Onnxruntime, job.provider);
    case "tensorflow":
      return probeTensorflow(require(job.packageName) as Tensorflow);
    case "sharp":
      return probeSharp(require("sharp") as typeof import("sharp"));
  }
}

type Onnxruntime = typeof import("onnxruntime-node");

/** Squares two numbers in a session that may not fall back to another provider. */
async function probeOnnxruntime(ort: Onnxruntime, provider: string): Promise<Findings["onnxruntime"]> {
  const session = await ort.InferenceSession.create(squareModel(), {
    executionProviders: [provider],
    ...(provider === "cpu" ? {} : { extra: { session: { disable_cpu_ep_fallback: "1" } } }),
  });
  const { y } = await session.run({ x: new ort.Tensor("float32", [3, -4], [2]) });
  expectNumbers(y?.data, [9, 16]);
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

/** The ONNX model `y = x * x` over two floats, written field by field as protocol buffers (no length exceeds 127). */
function squareModel(): Uint8Array {
  const number = (field: number, value: number) => [field << 3, value];
  const bytes = (field: number, value: readonly number[]) => [(field << 3) | 2, value.length, ...value];
  const text = (field: number, value: string) => bytes(field, [...Buffer.from(value)]);
  const shape = bytes(2, bytes(1, number(1, 2))); // [2]
  const tensor = (name: string) => [...text(1, name), ...bytes(2, bytes(1, [...number(1, 1), ...shape]))]; // float
  const node = [...text(1, "x"), ...text(1, "x"), ...text(2, "y"), ...text(4, "Mul")];
  const graph = [...bytes(1, node), ...text(2, "square"), ...bytes(11, tensor("x")), ...bytes(12, tensor("y"))];
  const operators = [...text(1, ""), ...number(2, 17)]; // the standard set, version 17
  return Uint8Array.from([...number(1, 9), ...bytes(7, graph), ...bytes(8, operators)]);
}
