/** Engines by name, as commands open them. */
import { createRequire } from "node:module";
import { EngineError, UsageError } from "../errors.js";
import { createEagerEngine, tensorflowVersion } from "./eager.js";
import { thisMachine } from "./machine.js";
import { createOnnxEngine, type OnnxDevice, type OnnxEngineOptions } from "./onnxruntime.js";
import type { Engine } from "./types.js";

export type EngineName = "onnxruntime" | "tensorflow";

/**
 * Opens an engine.
 * @throws EngineError when it is not here, with what to do; UsageError for a device that the engine does not choose itself
 */
export async function openEngine(name: EngineName, options: OnnxEngineOptions = {}): Promise<Engine> {
  const { device = "cpu", threads } = options;
  if (name === "tensorflow") {
    expectOwnDevice(device);
    return createEagerEngine("tensorflow", threads === undefined ? {} : { threads });
  }
  if (device !== "cpu") await expectDevice(device);
  return createOnnxEngine(options);
}

function expectOwnDevice(device: OnnxDevice): void {
  if (device !== "cpu")
    throw new UsageError(
      `--device ${device}: that is for --engine onnxruntime; tensorflow takes the device of its package ` +
        "(@tensorflow/tfjs-node-gpu)",
    );
}

/** Tries a device in a process of its own first: one that is broken can take the process down that opens it. */
async function expectDevice(device: OnnxDevice): Promise<void> {
  const { probeDevice } = await import("./availability.js");
  const { works, reason, remedy } = await probeDevice(device);
  if (works) return;
  const advice = remedy === undefined ? "see vitvq doctor" : `${remedy}; see vitvq doctor`;
  throw new EngineError(`--device ${device}: ${reason}; ${advice}, or compute with --device cpu`);
}

/** What decides the last bits of results: kept in a run's config. */
export function engineVersions(engine: Engine): Record<string, string> {
  const require = createRequire(import.meta.url);
  const { version } = require("onnxruntime-node/package.json") as { version: string };
  const tensorflow = engine.name === "tensorflow" ? tensorflowVersion() : undefined;
  return {
    engine: engine.name,
    device: engine.device,
    ...(tensorflow === undefined ? {} : { tensorflow }),
    onnxruntime: version,
    node: process.versions.node,
    processor: thisMachine().processor,
  };
}
