/** Engines by name, as commands open them. */
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { EngineError } from "../errors.js";
import { createEagerEngine } from "./eager.js";
import { createOnnxEngine, type OnnxDevice, type OnnxEngineOptions } from "./onnxruntime.js";
import type { Engine } from "./types.js";

export type EngineName = "onnxruntime" | "tensorflow";

/**
 * Opens an engine.
 * @throws EngineError when it is not here, with what to do
 */
export async function openEngine(name: EngineName, options: OnnxEngineOptions = {}): Promise<Engine> {
  if (name === "tensorflow") return createEagerEngine("tensorflow");
  const { device = "cpu" } = options;
  if (device !== "cpu") await expectDevice(device);
  return createOnnxEngine(options);
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
  return {
    engine: engine.name,
    device: engine.device,
    onnxruntime: version,
    node: process.versions.node,
    processor: cpus()[0]?.model.trim() ?? "unknown",
  };
}
