/** Engines by name, as commands open them. */
import { createRequire } from "node:module";
import { EngineError, UsageError } from "../errors.js";
import { createEagerEngine, tensorflowVersion } from "./eager.js";
import { thisMachine } from "./machine.js";
import { createOnnxEngine, type OnnxDevice, type OnnxEngineOptions } from "./onnxruntime.js";
import type { Engine, Precision } from "./types.js";

export type EngineName = "onnxruntime" | "tensorflow";

/**
 * Opens an engine.
 * @throws EngineError when it is not here, with what to do; UsageError for a device that the engine does not choose itself,
 *   for float16 elsewhere than on WebGPU, or for threads that spin elsewhere than on ONNX Runtime's processor
 */
export async function openEngine(name: EngineName, options: OnnxEngineOptions = {}): Promise<Engine> {
  const { device = "cpu", precision = "float32", spinning = false, threads } = options;
  if (precision === "float16" && (name !== "onnxruntime" || device !== "webgpu")) throw noHalfThere();
  if (spinning && (name !== "onnxruntime" || device !== "cpu")) throw nothingSpins();
  if (name === "tensorflow") {
    expectOwnDevice(device);
    return createEagerEngine("tensorflow", threads === undefined ? {} : { threads });
  }
  if (device !== "cpu") await expectDevice(device, precision);
  return createOnnxEngine(options);
}

const nothingSpins = () =>
  new UsageError("--spin: that is for --engine onnxruntime with --device cpu; leave it out with others");

const noHalfThere = () =>
  new UsageError(
    "--precision float16: that is for --engine onnxruntime with --device webgpu; give both, or leave --precision out",
  );

function expectOwnDevice(device: OnnxDevice): void {
  if (device !== "cpu")
    throw new UsageError(
      `--device ${device}: that is for --engine onnxruntime; tensorflow takes the device of its package ` +
        "(@tensorflow/tfjs-node-gpu)",
    );
}

/** Tries a device in a process of its own first: one that is broken can take the process down that opens it. */
async function expectDevice(device: OnnxDevice, precision: Precision): Promise<void> {
  const { probeDevice } = await import("./availability.js");
  const { works, reason, remedy, half } = await probeDevice(device, { half: precision === "float16" });
  const advised = (also: string | undefined) => (also === undefined ? "see vitvq doctor" : `${also}; see vitvq doctor`);
  if (!works) throw new EngineError(`--device ${device}: ${reason}; ${advised(remedy)}, or compute with --device cpu`);
  if (precision === "float16" && half?.works !== true)
    throw new EngineError(
      `--precision float16: ${half?.reason ?? "unknown"}; ${advised(half?.remedy)}, or compute with --precision float32`,
    );
}

/** What decides the last bits of results: kept in a run's config. */
export function engineVersions(engine: Engine): Record<string, string> {
  const require = createRequire(import.meta.url);
  const { version } = require("onnxruntime-node/package.json") as { version: string };
  const tensorflow = engine.name === "tensorflow" ? tensorflowVersion() : undefined;
  return {
    engine: engine.name,
    device: engine.device,
    ...(engine.precision === undefined ? {} : { precision: engine.precision }),
    ...(tensorflow === undefined ? {} : { tensorflow }),
    onnxruntime: version,
    node: process.versions.node,
    processor: thisMachine().processor,
  };
}
