/** The default engine: steps traced into ONNX graphs and run by onnxruntime-node. */
import { availableParallelism } from "node:os";
import type { InferenceSession } from "onnxruntime-node";
import { EngineError, firstLine } from "../errors.js";
import { checkStep } from "./checkInputs.js";
import { freeTensors } from "./freeTensors.js";
import { Lanes } from "./lanes.js";
import "./lowerings/index.js";
import { sizeOf } from "../shapes.js";
import { type OnnxGraph, writeSplitModel } from "./onnx.js";
import { loadOrt, type Ort } from "./ort.js";
import { repeatedGraph, repeatedInputs, repeatedProgram } from "./repeated.js";
import { createResident } from "./resident.js";
import { type OpenSession, sessionProgram } from "./sessionProgram.js";
import { trace } from "./traceBackend.js";
import type { Engine, Precision, Repeated, Resident, Step, StepOptions } from "./types.js";

/** Where graphs run: the processor, any GPU that WebGPU reaches (Vulkan, Metal, Direct3D 12), or one of NVIDIA's. */
export type OnnxDevice = "cpu" | "webgpu" | "cuda";

export type OnnxEngineOptions = {
  /** The processor if absent. */
  readonly device?: OnnxDevice;
  /** Of matrix products, float32 if absent; float16 is for devices that have it. */
  readonly precision?: Precision;
  /**
   * Threads inside one operation; ONNX Runtime's own choice (one a core) when absent. The same number gives the same
   * bits; another one may change the last bits of matrix products whose inner size is above 128.
   */
  readonly threads?: number;
  /** Whether idle threads spin between operations: faster on a quiet machine, slower on a shared one. */
  readonly spinning?: boolean;
};

/**
 * An engine on a provider of onnxruntime-node.
 * @throws EngineError when the package does not load; a device that is absent shows when a step is compiled
 */
export async function createOnnxEngine(options: OnnxEngineOptions = {}): Promise<Engine> {
  const ort = await loadOrt();
  const { device = "cpu", precision = "float32" } = options;
  const compile: Resident["compile"] = async (step, stepOptions, stays) => {
    const session = await openSession(ort, options, traced(options, step, stepOptions), stays);
    if (stepOptions.givesUpConstants) freeTensors(stepOptions.constants ?? {});
    return sessionProgram(ort, stepOptions, session);
  };
  const alone: Engine["compile"] = async (step, stepOptions) => {
    const program = await compile(step, stepOptions);
    return { ...program, run: async (inputs) => (await program.run(inputs)).host };
  };
  const engine = { name: "onnxruntime", device, precision } as const;
  if (device === "cuda") return { ...engine, compile: alone, repeated: await createRepeated(options) };
  if (device === "webgpu") return { ...engine, compile: alone, resident: createResident(compile) };
  const { threads: laneThreads = availableParallelism() } = options;
  const inLanes = compilerInLanes(options, laneThreads);
  return {
    ...engine,
    laneThreads,
    compile: (step, stepOptions) => ((stepOptions.lanes ?? 1) > 1 ? inLanes : alone)(step, stepOptions),
  };
}

/**
 * Steps that one call runs several times. Of use on CUDA, where an engine has it; it works on every device.
 * @throws EngineError as `createOnnxEngine`
 */
export async function createRepeated(options: OnnxEngineOptions = {}): Promise<Repeated> {
  const ort = await loadOrt();
  return {
    compile: async (step, stepOptions, repetition) => {
      const { name } = stepOptions;
      const inputs = repeatedInputs(name, stepOptions.inputs, repetition);
      const graph = repeatedGraph(traced(options, step, stepOptions), repetition);
      const program = sessionProgram(ort, { name, inputs }, await openSession(ort, options, graph));
      return repeatedProgram(program, stepOptions.inputs, repetition);
    },
  };
}

/** The graph of a step for a device. What WebGPU computes, CUDA does: ONNX's own operators on floats. */
function traced({ device = "cpu", precision = "float32" }: OnnxEngineOptions, step: Step, stepOptions: StepOptions) {
  checkStep(stepOptions);
  return trace(step, stepOptions, { target: device === "cpu" ? "cpu" : "webgpu", precision });
}

/** Compiles steps for lanes, each of which has its share of the threads. */
function compilerInLanes(options: OnnxEngineOptions, threads: number): Engine["compile"] {
  const byCount = new Map<number, Lanes>();
  return async (step, stepOptions) => {
    checkStep(stepOptions);
    const count = stepOptions.lanes!;
    const lanes = byCount.get(count) ?? new Lanes(count);
    byCount.set(count, lanes);
    const settings = sessionOptions({ ...options, threads: Math.max(1, Math.floor(threads / count)) });
    return lanes.open(stepOptions, { ...writeSplitModel(trace(step, stepOptions, { target: "cpu" })), settings });
  };
}

/**
 * Makes a session of a graph.
 * @param stays which results remain on the device, where that has memory of its own
 * @throws EngineError when the device is absent or lacks an operation of the graph, and from `run`, when it fails
 */
async function openSession(
  ort: Ort,
  options: OnnxEngineOptions,
  graph: OnnxGraph,
  stays: (result: string) => boolean = () => false,
): Promise<OpenSession> {
  const { device = "cpu" } = options;
  const { model, files } = writeSplitModel(graph);
  const staying = graph.outputs.filter(({ name }) => stays(name)).map(({ name }) => [name, "gpu-buffer"] as const);
  const settings: InferenceSession.SessionOptions = {
    ...sessionOptions(options),
    enableCpuMemArena: !givesMemoryBack(options, graph),
    externalData: files,
    ...(staying.length === 0 ? {} : { preferredOutputLocation: Object.fromEntries(staying) }),
  };
  const { name } = graph;
  const session = await guarded(device, name, ort.InferenceSession.create(model, settings));
  return {
    inputNames: session.inputNames,
    run: (feeds) => guarded(device, name, session.run(feeds)),
    release: () => session.release(),
  };
}

/** Bytes that are fed, from which on memory is given back. */
const LARGE = 80e6;

/**
 * Whether a session gives memory back as tensors die, where it would keep it for those to come: where large weights are fed, as
 * in a train step, which takes a few percent less time then and a tenth less memory (bench/README.md). Small models and codecs,
 * whose weights are built in, take more time, and so do convolutions, whose buffers are so large that the system's zeroing of them
 * counts. Lanes keep their memory.
 */
export function givesMemoryBack(
  { device = "cpu" }: OnnxEngineOptions,
  { inputs, nodes }: Pick<OnnxGraph, "inputs" | "nodes">,
  platform: NodeJS.Platform = process.platform,
): boolean {
  if (device !== "cpu" || platform !== "linux") return false; // measured there alone
  const fixed = inputs.map(({ shape }) => 4 * sizeOf(shape.filter((dim) => typeof dim === "number")));
  const fed = fixed.reduce((sum, bytes) => sum + bytes, 0);
  return fed >= LARGE && !nodes.some(({ op }) => op === "Conv" || op === "ConvTranspose");
}

/** A device that fails does so with words that say what stands. */
async function guarded<T>(device: OnnxDevice, step: string, work: Promise<T>): Promise<T> {
  if (device === "cpu") return work;
  return work.catch((cause: unknown) => {
    const words = firstLine(cause instanceof Error ? cause.message : String(cause));
    throw new EngineError(
      `${device}: ${step} failed (${words}); if memory ran out, use a smaller batch or --accumulate; what was saved ` +
        "stands, and --resume goes on from it; `vitvq doctor` says whether the device is there",
      { cause },
    );
  });
}

/** Merging equal nodes would undo recomputation; the graph builder has merged the others already. */
const UNDOES_RECOMPUTATION = "CommonSubexpressionElimination";
/** Makes a transposition a flag of its product; lowerings for processors set that flag themselves where it pays. */
const UNDOES_TRANSPOSITION = "MatmulTransposeFusion";

/** How sessions are made: what order nodes run in and which of them are merged depends on it. */
export function sessionOptions({
  device = "cpu",
  threads,
  spinning = false,
}: OnnxEngineOptions): InferenceSession.SessionOptions {
  return {
    executionProviders: [device],
    graphOptimizationLevel: "all",
    enableMemPattern: false, // half the memory, same speed
    ...(threads === undefined ? {} : { intraOpNumThreads: threads }),
    // A node that has to leave the device is an error, as it is reported here anyway, and not a message of its own.
    ...(device === "cpu" ? {} : { logSeverityLevel: 4 as const }),
    extra: {
      optimization: {
        disable_specified_optimizers: [UNDOES_RECOMPUTATION, ...(device === "cpu" ? [UNDOES_TRANSPOSITION] : [])].join(
          ";",
        ),
      },
      session: {
        intra_op: { allow_spinning: spinning ? "1" : "0" },
        ...(spinning ? { force_spinning_stop: "1" } : {}), // when a run ends
        ...(device === "cpu" ? {} : { disable_cpu_ep_fallback: "1" }),
      },
    },
  };
}
