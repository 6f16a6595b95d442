/** ONNX Runtime itself, loaded when it is first needed. */
import { EngineError } from "../errors.js";

export type Ort = typeof import("onnxruntime-node");

/** @throws EngineError when onnxruntime-node does not load */
export async function loadOrt(): Promise<Ort> {
  try {
    const module = (await import("onnxruntime-node")) as Ort & { default?: Ort };
    return module.default ?? module;
  } catch (cause) {
    throw new EngineError(
      "onnxruntime-node did not load; run `npm ci` again on this machine, or see `vitvq doctor` for the reason",
      { cause },
    );
  }
}
