/**
 * A tfjs backend that computes nothing: every kernel appends ONNX nodes to the graph being traced.
 *
 * tfjs differentiates as usual on top of it, so a step function together with its gradients becomes one graph.
 */
import * as tf from "@tensorflow/tfjs";
import type { TracedGraph } from "./finishGraph.js";
import { GraphBuilder } from "./graphBuilder.js";
import type { ElementType } from "./onnx.js";
import type { Sym, Target, TraceOptions } from "./symbols.js";
import type { DType, NamedHostTensors, NamedTensors, Step, StepOptions } from "./types.js";

export const TRACE_BACKEND = "vitvq-trace";

/** A kernel's attributes as tfjs gives them. */
export type Attributes = Readonly<Record<string, unknown>>;

/** Inputs of a kernel by name. */
export type Inputs<Name extends string> = Readonly<Record<Name, Sym>>;

/** Inputs of a kernel that takes a list (Concat, Pack, AddN), in order. */
export type InputList = readonly [Sym, ...Sym[]];

/** What a lowering is given: the kernel's inputs as symbols, its attributes, the graph to append to. */
export type LoweringCall<Given> = {
  readonly inputs: Given;
  readonly attributes: Attributes;
  readonly graph: GraphBuilder;
};

export type Lowering<Given> = (call: LoweringCall<Given>) => Sym | readonly Sym[];

export type LoweringOptions = {
  /** Which graphs the lowering is for; all if absent. In the others, `fusedKernel` traces what its kernel is made of. */
  readonly where?: (graph: Required<TraceOptions>) => boolean;
};

const conditions = new Map<string, NonNullable<LoweringOptions["where"]>>();

/** Whether the tracer's lowering of a kernel is for the graph being traced; true outside of a trace. */
export function isLowered(kernelName: string): boolean {
  return !backend.current || (conditions.get(kernelName)?.(backend.current.graph) ?? true);
}

/**
 * Teaches the tracer a kernel. It throws an Error when it is called without one of its inputs, or in a graph that its
 * lowering is not for.
 * @param names of the inputs that the lowering reads; it is not given others
 */
export function defineLowering<Name extends string>(
  kernelName: string,
  names: readonly Name[],
  lowering: Lowering<Inputs<Name>>,
  { where }: LoweringOptions = {},
): void {
  if (where) conditions.set(kernelName, where);
  const symbols = (given: tf.NamedTensorInfoMap) => {
    const missing = names.filter((name) => !given[name]);
    if (missing.length > 0) throw new Error(`${kernelName}: want ${names.join(", ")}, got no ${missing.join(", ")}`);
    return Object.fromEntries(names.map((name) => [name, backend.symbol(given[name]!)])) as Inputs<Name>;
  };
  register(kernelName, symbols, lowering);
}

/** The same for a kernel that takes a list of inputs. It throws an Error when it is called with none. */
export function defineListLowering(kernelName: string, lowering: Lowering<InputList>): void {
  const symbols = (given: tf.NamedTensorInfoMap): InputList => {
    const [first, ...others] = Object.values(given).map((info) => backend.symbol(info!));
    if (!first) throw new Error(`${kernelName}: want a list of inputs, got none`);
    return [first, ...others];
  };
  register(kernelName, symbols, lowering);
}

function register<Given>(
  kernelName: string,
  symbols: (given: tf.NamedTensorInfoMap) => Given,
  lowering: Lowering<Given>,
): void {
  const kernelFunc: tf.KernelFunc = ({ inputs, attrs }) => {
    const { graph } = backend.tracing();
    if (!isLowered(kernelName)) {
      const { target, precision } = graph;
      throw new Error(`${kernelName}: not for ${target} with products of ${precision}; call it by fusedKernel`);
    }
    const made = lowering({ inputs: symbols(inputs), attributes: attrs ?? {}, graph });
    return isList(made) ? made.map((one) => backend.info(one)) : backend.info(made);
  };
  tf.registerKernel({ kernelName, backendName: TRACE_BACKEND, kernelFunc });
}

const isList = (made: Sym | readonly Sym[]): made is readonly Sym[] => Array.isArray(made);

type Tracing = {
  readonly graph: GraphBuilder;
  /** Symbols by data id, for this trace alone: a tensor kept from another one must not be taken for one of these. */
  readonly symbols: WeakMap<object, Sym>;
};

/** The backend object tfjs talks to; `tracing` is set only while a step is traced. */
class TraceBackend extends tf.KernelBackend {
  current: Tracing | undefined;

  tracing(): Tracing {
    if (!this.current) throw new Error("a kernel was called on the tracing backend outside of a trace");
    return this.current;
  }

  symbol(info: tf.TensorInfo): Sym {
    const sym = this.tracing().symbols.get(info.dataId);
    if (!sym) throw new Error(`a tensor of shape [${info.shape.join(", ")}] does not belong to the step being traced`);
    return sym;
  }

  info(sym: Sym): tf.TensorInfo {
    const dataId = {};
    this.tracing().symbols.set(dataId, sym);
    return { dataId, shape: [...sym.shape], dtype: dtypeOf(sym.type) };
  }

  override write(values: tf.BackendValues, shape: number[], dtype: tf.DataType): tf.DataId {
    if (!isNumbers(values)) throw new Error(`the tracer knows no tensors of type ${dtype}`);
    return this.info(this.tracing().graph.constant(values, shape, elementOf(dtype))).dataId;
  }

  override readSync(): tf.BackendValues {
    throw new Error("a step read the values of a tensor; while it is traced there are none");
  }

  override read(): Promise<tf.BackendValues> {
    return Promise.resolve(this.readSync());
  }

  override numDataIds(): number {
    return 0;
  }

  override disposeData(): boolean {
    return true;
  }

  override incRef(): void {}

  decRef(): boolean {
    return true;
  }

  override refCount(): number {
    return 1;
  }

  override memory(): { unreliable: boolean } {
    return { unreliable: true };
  }

  override floatPrecision(): 32 {
    return 32;
  }

  override epsilon(): number {
    return 1e-7;
  }

  override timerAvailable(): boolean {
    return false;
  }
}

const backend = new TraceBackend();
tf.registerBackend(TRACE_BACKEND, () => backend, -1);

/**
 * Runs `step` once on symbols and returns the graph of everything its outputs need.
 * @param how what to write it for; a target alone stands for products in float32 there
 */
export function trace(step: Step, options: StepOptions, how: Target | TraceOptions): TracedGraph {
  const graph = new GraphBuilder(typeof how === "string" ? { target: how } : how);
  let finished: TracedGraph | undefined;
  withBackend({ graph, symbols: new WeakMap() }, () =>
    tf.tidy(() => {
      const inputs: NamedTensors = {};
      for (const [name, { dtype, shape }] of Object.entries(options.inputs))
        inputs[name] = tensorOf(graph.input({ name, type: dtype, shape }));
      Object.assign(inputs, constants(graph, options.constants ?? {}));
      const outputs = step(inputs);
      const symbols = Object.entries(outputs).map(([name, tensor]) => [name, backend.symbol(tensor)] as const);
      finished = graph.finish(options.name, Object.fromEntries(symbols));
    }),
  );
  if (!finished) throw new Error(`${options.name}: tracing ended early`);
  return finished;
}

/** Runs `body` so that while tracing its nodes are not merged with equal earlier ones: see `GraphBuilder.fresh`. */
export function recomputed<T>(body: () => T): T {
  return backend.current ? backend.current.graph.fresh(body) : body();
}

/**
 * Runs `body` so that its matrix products stay in float32 where the engine's are float16: for what decides between
 * candidates that lie close (codes, neighbours), converges (fits) or is a sum written as a product (means of norms). Gradients of
 * `body` that are taken outside of it are not meant.
 */
export function fullPrecision<T>(body: () => T): T {
  return backend.current ? backend.current.graph.fullPrecision(body) : body();
}

function constants(graph: GraphBuilder, weights: NamedHostTensors): NamedTensors {
  const tensors: NamedTensors = {};
  for (const [name, { dtype, shape, data }] of Object.entries(weights)) {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    tensors[name] = tensorOf(graph.initializer({ name, type: dtype, shape, bytes }));
  }
  return tensors;
}

function tensorOf(sym: Sym): tf.Tensor {
  return tf.engine().makeTensorFromTensorInfo(backend.info(sym), backend);
}

function withBackend<T>(tracing: Tracing, body: () => T): T {
  if (backend.current) throw new Error("a step cannot be traced inside a trace");
  tf.backend(); // if none is active yet, one is now, so that there is something to go back to
  const before = tf.engine().backendName;
  backend.current = tracing;
  void tf.setBackend(TRACE_BACKEND); // takes effect at once: the backend exists already
  try {
    return body();
  } finally {
    backend.current = undefined;
    void tf.setBackend(before);
  }
}

function isNumbers(values: tf.BackendValues): values is Float32Array | Int32Array | Uint8Array {
  return ArrayBuffer.isView(values);
}

/** ONNX element type of a tfjs type. */
export function elementOf(dtype: tf.DataType): ElementType {
  if (dtype === "float32" || dtype === "int32" || dtype === "bool") return dtype;
  throw new Error(`the tracer knows no tensors of type ${dtype}`);
}

function dtypeOf(type: ElementType): DType | "bool" {
  if (type === "float32" || type === "int32" || type === "bool") return type;
  throw new Error(`a kernel must not return ${type}`);
}
