/**
 * Holds the ONNX graphs against the pure-JavaScript tfjs backend: the same function of the same random tensors, its
 * values, its gradients and, where asked, the gradients of those must agree.
 */
import * as tf from "@tensorflow/tfjs";
import * as ort from "onnxruntime-node";
import * as assert from "uvu/assert";
import { createEagerEngine, withBackend } from "../../../lib/engine/eager.js";
import { writeModel } from "../../../lib/engine/onnx.js";
import { createOnnxEngine } from "../../../lib/engine/onnxruntime.js";
import type { Target, TraceOptions } from "../../../lib/engine/symbols.js";
import { trace } from "../../../lib/engine/traceBackend.js";
import type {
  HostTensor,
  NamedHostTensors,
  NamedTensors,
  Program,
  Step,
  StepOptions,
  TensorSpec,
} from "../../../lib/engine/types.js";
import { valueAndGradients } from "../../../lib/nn/gradients.js";
import { rngFrom, streamSeed } from "../../../lib/random.js";
import { sizeOf } from "../../../lib/shapes.js";
import { expectClose, type Tolerance } from "../../support.js";

/** One tensor a case is about. */
export type Operand = {
  readonly dtype: "float32" | "int32" | "bool";
  readonly shape: readonly number[];
  /**
   * `input`: fed to the program; `constant`: known while tracing; `spread`: fed as a tensor of shape `stored` and
   * broadcast to `shape` inside the step, which the tracer does without a node.
   */
  readonly form: "input" | "constant" | "spread";
  readonly stored: readonly number[];
  /** The elements of `stored`, row-major. */
  readonly values: readonly number[];
};

export type Case = {
  /** Says in a failure which case it was. */
  readonly name: string;
  readonly operands: readonly Operand[];
  readonly f: (...operands: tf.Tensor[]) => tf.Tensor | readonly tf.Tensor[];
  /** Highest order of gradients to compare, by every float operand that is not constant; 1 if absent. */
  readonly gradients?: 0 | 1 | 2;
  readonly tolerance?: Tolerance;
  /** Whether every element must come as near to its own size as, without this, to that of the largest. */
  readonly byElement?: boolean;
};

/** Cases by the sentence they show to be true. */
export type CaseGroups = Readonly<Record<string, readonly Case[]>>;

/** Of sums of about a hundred numbers around 1, which may cancel; mistakes are larger by orders of magnitude. */
const TOLERANCE: Tolerance = { absolute: 1e-5, relative: 1e-5 };
/** WebGPU lets devices err more: WGSL wants cosines within 2^-11 only. */
const DEVICE_TOLERANCE: Tolerance = { absolute: 5e-4, relative: 5e-4 };
/** float16 rounds operands to 2^-12, and those of a gradient's gradient are products of products. */
const HALF_TOLERANCE: Tolerance = { absolute: 1e-2, relative: 1e-2 };

/** Smaller float32 numbers may be taken for 0. */
const LEAST_NORMAL = 2 ** -126;

/**
 * What graphs are written for, and where they run: `webgpu` ones on the processor, unless the device itself is asked for;
 * `half` ones are the same with products of float16. On `tensorflow` nothing is written: its kernels run as the step calls them.
 */
export type Place = Target | "half" | "device" | "half device" | "tensorflow";

const TOLERANCES: Readonly<Partial<Record<Place, Tolerance>>> = {
  device: DEVICE_TOLERANCE,
  half: HALF_TOLERANCE,
  "half device": HALF_TOLERANCE,
};

/** Compares all `cases` in one graph. Integers and booleans must be equal, floats close. */
export async function compareEngines(name: string, cases: readonly Case[], target: Place = "cpu"): Promise<void> {
  const { step, options, feeds } = combine(name, cases);
  const graph = await compileGraph(step, options, target).catch(async (error: unknown) => {
    throw await blame(cases, target, error);
  });
  const judge = await (await createEagerEngine("cpu")).compile(step, options);
  try {
    const [got, want] = [await graph.run(feeds), await judge.run(feeds)];
    const tolerance = TOLERANCES[target] ?? TOLERANCE;
    cases.forEach((one, i) => {
      const ofCase = one.byElement ? { each: tolerance.relative!, absolute: LEAST_NORMAL } : tolerance;
      expectSame(one, pick(got, `${i}/`), pick(want, `${i}/`), { ...ofCase, ...one.tolerance });
    });
  } finally {
    await Promise.all([graph.dispose(), judge.dispose()]);
  }
}

/** The step that computes all `cases`, and what to feed it. */
export function combine(
  name: string,
  cases: readonly Case[],
): { step: Step; options: StepOptions; feeds: NamedHostTensors } {
  const feeds: NamedHostTensors = {};
  for (const [i, one] of cases.entries()) {
    one.operands.forEach((operand, k) => {
      if (operand.form !== "constant") feeds[`${i}/x${k}`] = hostTensor(operand);
    });
    Object.assign(feeds, prefixed(`${i}/`, directions(one, streamSeed(1, name, i))));
  }
  const inputs: Record<string, TensorSpec> = {};
  for (const [key, { dtype, shape }] of Object.entries(feeds)) inputs[key] = { dtype, shape };
  const step: Step = (tensors) =>
    Object.assign({}, ...cases.map((one, i) => prefixed(`${i}/`, results(one, pick(tensors, `${i}/`)))));
  return { step, options: { name, inputs }, feeds };
}

/**
 * What a case yields: `y*` its values, `g*` the gradients of `sum(y w)` by its float operands, `h*` the gradients of
 * `sum(g v)`, with the random directions `w*` and `v*` among the inputs. Values carry type and shape in their names.
 */
function results({ operands, f, gradients = 1 }: Case, inputs: NamedTensors): NamedTensors {
  const values = (): NamedTensors => {
    const made = f(...operands.map((operand, k) => tensorOf(operand, inputs[`x${k}`])));
    return numbered("y", isList(made) ? made : [made]);
  };
  const params = floatInputs(operands, inputs);
  if (gradients === 0 || Object.keys(params).length === 0) return typed(values());
  const first = () => {
    const found = valueAndGradients(() => {
      const aux = values();
      return { loss: along(aux, "w", inputs), aux };
    }, params);
    return { y: found.aux, g: renamed("x", "g", found.gradients) };
  };
  if (gradients === 1) {
    const { y, g } = first();
    return { ...typed(y), ...g };
  }
  const second = valueAndGradients(() => {
    const { y, g } = first();
    return { loss: along(g, "v", inputs), aux: { ...typed(y), ...g } };
  }, params);
  return { ...second.aux, ...renamed("x", "h", second.gradients) };
}

/** Sum over all float tensors of `tensors` of their products with the inputs of the same number. */
function along(tensors: NamedTensors, letter: "w" | "v", inputs: NamedTensors): tf.Scalar {
  const terms = Object.entries(tensors)
    .filter(([, tensor]) => tensor.dtype === "float32")
    .map(([name, tensor]) => tf.sum(tf.mul(tensor, inputs[letter + name.slice(1)]!)));
  return (terms.length === 0 ? tf.scalar(0) : tf.addN(terms)) as tf.Scalar;
}

/** Random directions for the outputs (`w`) and for the gradients (`v`), of their shapes. */
function directions(one: Case, seed: number): NamedHostTensors {
  const { operands, f, gradients = 1 } = one;
  if (gradients === 0) return {};
  const rng = rngFrom(seed);
  const random = (shape: readonly number[]): HostTensor => {
    const data = Float32Array.from({ length: sizeOf(shape) }, () => rng.normal());
    return { dtype: "float32", shape, data };
  };
  const shapes = withBackend("cpu", () =>
    tf.tidy(() => {
      const made = f(...operands.map((operand) => tensorOf(operand, asTensor(hostTensor(operand)))));
      return (isList(made) ? made : [made]).map((tensor) => (tensor.dtype === "float32" ? tensor.shape : undefined));
    }),
  );
  const drawn: NamedHostTensors = {};
  shapes.forEach((shape, j) => {
    if (shape) drawn[`w${j}`] = random(shape);
  });
  if (gradients === 2)
    operands.forEach((operand, k) => {
      if (isFloatInput(operand)) drawn[`v${k}`] = random(operand.stored);
    });
  return drawn;
}

function expectSame(one: Case, got: NamedHostTensors, want: NamedHostTensors, tolerance: Tolerance): void {
  assert.equal(Object.keys(got).sort(), Object.keys(want).sort(), `${one.name}: names, types and traced shapes`);
  for (const [key, wanted] of Object.entries(want)) {
    const { dtype, shape, data } = got[key]!;
    const what = `${one.name}: ${key}`;
    assert.is(dtype, wanted.dtype, `${what}: type`);
    assert.equal([...shape], [...wanted.shape], `${what}: shape`);
    expectClose(data, wanted.data, what, dtype === "int32" ? {} : tolerance);
  }
}

/** Finds the first case that does not compile alone, so that the error can name it. */
async function blame(cases: readonly Case[], target: Place, error: unknown): Promise<unknown> {
  for (const one of cases) {
    const { step, options } = combine(one.name, [one]);
    try {
      await (await compileGraph(step, options, target)).dispose();
    } catch (cause) {
      return new Error(`${one.name}: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
    }
  }
  return error;
}

async function compileGraph(step: Step, options: StepOptions, target: Place): Promise<Program> {
  if (target === "tensorflow") return (await createEagerEngine("tensorflow")).compile(step, options);
  if (target === "device") return (await createOnnxEngine({ device: "webgpu" })).compile(step, options);
  if (target === "half device")
    return (await createOnnxEngine({ device: "webgpu", precision: "float16" })).compile(step, options);
  if (target === "cpu") return (await createOnnxEngine({ threads: 1, spinning: false })).compile(step, options);
  const how: Target | TraceOptions = target === "half" ? HALF : target;
  const session = await ort.InferenceSession.create(writeModel(trace(step, options, how)), { intraOpNumThreads: 1 });
  return {
    name: options.name,
    async run(inputs) {
      const feeds = mapRecord(inputs, ({ dtype, data, shape }) => new ort.Tensor(dtype, data, shape));
      return mapRecord(await session.run(feeds), ({ type, data, dims }) => {
        if (type !== "float32" && type !== "int32") throw new Error(`a result came as ${type}`);
        return { dtype: type, data: data as Float32Array | Int32Array, shape: dims };
      });
    },
    dispose: () => session.release(),
  };
}

/** What a graph for float16 products is written for. */
export const HALF = { target: "webgpu", precision: "float16" } as const satisfies TraceOptions;

function hostTensor({ dtype, stored, values }: Operand): HostTensor {
  return dtype === "float32"
    ? { dtype, shape: stored, data: Float32Array.from(values) }
    : { dtype: "int32", shape: stored, data: Int32Array.from(values) };
}

/** The operand as the case's function gets it; programs have no boolean inputs, so those come as integers. */
function tensorOf({ dtype, shape, stored, form, values }: Operand, fed: tf.Tensor | undefined): tf.Tensor {
  if (form === "constant") return tf.tensor([...values], [...stored], dtype);
  const whole = form === "spread" ? tf.mul(fed!, tf.ones([...shape], fed!.dtype as "float32" | "int32")) : fed!;
  return dtype === "bool" ? tf.cast(whole, "bool") : whole;
}

const asTensor = ({ dtype, shape, data }: HostTensor): tf.Tensor => tf.tensor(data, [...shape], dtype);

const isFloatInput = ({ dtype, form }: Operand): boolean => dtype === "float32" && form !== "constant";

function floatInputs(operands: readonly Operand[], inputs: NamedTensors): NamedTensors {
  const names = operands.flatMap((operand, k) => (isFloatInput(operand) ? [`x${k}`] : []));
  return Object.fromEntries(names.map((name) => [name, inputs[name]!]));
}

/** Results under names that say type and shape as the step saw them; booleans become integers for programs to return. */
function typed(tensors: NamedTensors): NamedTensors {
  return Object.fromEntries(
    Object.entries(tensors).map(([name, tensor]) => [
      `${name} ${tensor.dtype} [${tensor.shape}]`,
      tensor.dtype === "bool" ? tf.cast(tensor, "int32") : tensor,
    ]),
  );
}

const isList = (made: tf.Tensor | readonly tf.Tensor[]): made is readonly tf.Tensor[] => Array.isArray(made);

const numbered = (letter: string, list: readonly tf.Tensor[]): NamedTensors =>
  Object.fromEntries(list.map((tensor, i) => [`${letter}${i}`, tensor]));

const renamed = (from: string, to: string, tensors: NamedTensors): NamedTensors =>
  Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [to + name.slice(from.length), tensor]));

const prefixed = <T>(prefix: string, record: Readonly<Record<string, T>>): Record<string, T> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [prefix + key, value]));

const pick = <T>(record: Readonly<Record<string, T>>, prefix: string): Record<string, T> =>
  Object.fromEntries(
    Object.entries(record)
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, value]) => [key.slice(prefix.length), value]),
  );

const mapRecord = <A, B>(record: Readonly<Record<string, A>>, map: (value: A) => B): Record<string, B> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, map(value)]));
