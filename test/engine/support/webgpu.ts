/** The real device, for tests that want one: a GPU, or a processor that plays one (`.ci/vulkan`). */
import { probeDevice } from "../../../lib/engine/availability.js";
import { createOnnxEngine } from "../../../lib/engine/onnxruntime.js";
import type { Engine } from "../../../lib/engine/types.js";

const outcome = await probeDevice("webgpu");

/** Why tests that want the device are left out; undefined where it works. */
export const missing: string | undefined = outcome.works ? undefined : outcome.reason;

if (missing !== undefined && process.env["VITVQ_WEBGPU"] === "required")
  throw new Error(`VITVQ_WEBGPU is "required", but WebGPU does not work: ${outcome.cause}`);

let opened: Promise<Engine> | undefined;
/** One engine for all tests of a file. */
export const webgpu = (): Promise<Engine> => {
  opened ??= createOnnxEngine({ device: "webgpu" });
  return opened;
};
