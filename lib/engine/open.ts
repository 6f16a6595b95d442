/** Engines by name, as commands open them. */
import { createRequire } from "node:module";
import { cpus } from "node:os";
import { createEagerEngine } from "./eager.js";
import { createOnnxEngine, type OnnxEngineOptions } from "./onnxruntime.js";
import type { Engine } from "./types.js";

export type EngineName = "onnxruntime" | "tensorflow";

/**
 * Opens an engine.
 * @throws EngineError when it is not here, with what to do
 */
export function openEngine(name: EngineName, options: OnnxEngineOptions = {}): Promise<Engine> {
  return name === "tensorflow" ? createEagerEngine("tensorflow") : createOnnxEngine(options);
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
