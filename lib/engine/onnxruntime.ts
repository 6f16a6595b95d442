/** The default engine: steps traced into ONNX graphs and run by onnxruntime-node. */
import { availableParallelism } from "node:os";
import type { InferenceSession } from "onnxruntime-node";
import { EngineError } from "../errors.js";
import { checkStep } from "./checkInputs.js";
import { Lanes } from "./lanes.js";
import "./lowerings/index.js";
import { writeSplitModel } from "./onnx.js";
import { loadOrt, type Ort } from "./ort.js";
import { createResident } from "./resident.js";
import { type OpenSession, sessionProgram } from "./sessionProgram.js";
import { trace } from "./traceBackend.js";
import type { Engine, Precision, Resident, Step, StepOptions } from "./types.js";

/** Where graphs run: the processor, or any GPU that WebGPU reaches (Vulkan, Metal, Direct3D 12). */
export type OnnxDevice = "cpu" | "webgpu";

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
    checkStep(stepOptions);
    return sessionProgram(ort, stepOptions, await openSession(ort, options, { step, stepOptions, stays }));
  };
  const alone: Engine["compile"] = async (step, stepOptions) => {
    const program = await compile(step, stepOptions);
    return { ...program, run: async (inputs) => (await program.run(inputs)).host };
  };
  const engine = { name: "onnxruntime", device, precision } as const;
  if (device !== "cpu") return { ...engine, compile: alone, resident: createResident(compile) };
  const { threads: laneThreads = availableParallelism() } = options;
  const inLanes = compilerInLanes(options, laneThreads);
  return {
    ...engine,
    laneThreads,
    compile: (step, stepOptions) => ((stepOptions.lanes ?? 1) > 1 ? inLanes : alone)(step, stepOptions),
  };
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

type Opening = {
  readonly step: Step;
  readonly stepOptions: StepOptions;
  /** Which results remain on the device, where that has memory of its own. */
  readonly stays?: ((result: string) => boolean) | undefined;
};

/**
 * Traces a step and makes a session of it.
 * @throws EngineError when the device is absent or lacks an operation of the step, and from `run`, when it fails
 */
async function openSession(ort: Ort, options: OnnxEngineOptions, opening: Opening): Promise<OpenSession> {
  const { step, stepOptions, stays = () => false } = opening;
  const { device = "cpu", precision = "float32" } = options;
  const graph = trace(step, stepOptions, { target: device, precision });
  const { model, files } = writeSplitModel(graph);
  const staying = graph.outputs.filter(({ name }) => stays(name)).map(({ name }) => [name, "gpu-buffer"] as const);
  const settings: InferenceSession.SessionOptions = {
    ...sessionOptions(options),
    externalData: files,
    ...(staying.length === 0 ? {} : { preferredOutputLocation: Object.fromEntries(staying) }),
  };
  const { name } = stepOptions;
  const session = await guarded(device, name, ort.InferenceSession.create(model, settings));
  return {
    inputNames: session.inputNames,
    run: (feeds) => guarded(device, name, session.run(feeds)),
    release: () => session.release(),
  };
}

/** A device that fails does so with words that say what stands. */
async function guarded<T>(device: OnnxDevice, step: string, work: Promise<T>): Promise<T> {
  if (device === "cpu") return work;
  return work.catch((cause: unknown) => {
    const words = (cause instanceof Error ? cause.message : String(cause)).trim().split("\n")[0];
    throw new EngineError(
      `${device}: ${step} failed (${words}); if memory ran out, use a smaller batch or --accumulate; what was saved ` +
        "stands, and --resume goes on from it; `vitvq doctor` says whether the device is there",
      { cause },
    );
  });
}

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
      // Merging equal nodes would undo recomputation; the graph builder has merged the others already.
      optimization: { disable_specified_optimizers: "CommonSubexpressionElimination" },
      session: {
        intra_op: { allow_spinning: spinning ? "1" : "0" },
        ...(spinning ? { force_spinning_stop: "1" } : {}), // when a run ends
        ...(device === "cpu" ? {} : { disable_cpu_ep_fallback: "1" }),
      },
    },
  };
}
