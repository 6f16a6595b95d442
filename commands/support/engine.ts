import type { OnnxDevice } from "../../lib/engine/onnxruntime.js";
import { type EngineName, openEngine } from "../../lib/engine/open.js";
import type { Engine, Precision } from "../../lib/engine/types.js";

/** The engine that `engineOptions` ask for. */
export type EngineConfig = {
  readonly engine: EngineName;
  readonly device: OnnxDevice;
  readonly precision: Precision;
  readonly threads?: number;
  readonly spin?: boolean | undefined;
};

/**
 * Opens the engine on the device that a command asks for.
 * @throws EngineError, UsageError as `openEngine`
 */
export function engineOf({ engine, device, precision, threads, spin = false }: EngineConfig): Promise<Engine> {
  return openEngine(engine, { device, precision, spinning: spin, ...(threads === undefined ? {} : { threads }) });
}
