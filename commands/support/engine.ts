import type { OnnxDevice } from "../../lib/engine/onnxruntime.js";
import { type EngineName, openEngine } from "../../lib/engine/open.js";
import type { Engine } from "../../lib/engine/types.js";
import { UsageError } from "../../lib/errors.js";

/** The engine that `engineOptions` ask for. */
export type EngineConfig = {
  readonly engine: EngineName;
  readonly device: OnnxDevice;
  readonly threads?: number;
};

/**
 * Opens the engine on the device that a command asks for.
 * @throws UsageError for a device that the engine does not choose itself, EngineError when either is not here
 */
export async function engineOf({ engine, device, threads }: EngineConfig): Promise<Engine> {
  if (engine === "tensorflow" && device !== "cpu")
    throw new UsageError(
      `--device ${device}: that is for --engine onnxruntime; tensorflow takes the device of its package (@tensorflow/tfjs-node-gpu)`,
    );
  return openEngine(engine, { device, ...(threads === undefined ? {} : { threads }) });
}
