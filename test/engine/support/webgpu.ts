/** The real device, for tests that want one: a GPU, or a processor that plays one (`.ci/vulkan`). */
import { probeDevice } from "../../../lib/engine/availability.js";
import { createOnnxEngine } from "../../../lib/engine/onnxruntime.js";
import type { Engine } from "../../../lib/engine/types.js";

const outcome = await probeDevice("webgpu");

/** Why tests that want the device are left out; undefined where it works. */
export const missing: string | undefined = outcome.works ? undefined : outcome.reason;

if (missing !== undefined && process.env["VITVQ_WEBGPU"] === "required")
  throw new Error(`VITVQ_WEBGPU is "required", but WebGPU does not work: ${outcome.cause}`);

const withoutHalf = outcome.half?.reason ?? outcome.reason;

/** Why tests that want float16 on the device are left out; undefined where it multiplies that. */
export const missingHalf: string | undefined = outcome.half?.works ? undefined : withoutHalf;

if (missingHalf !== undefined && process.env["VITVQ_FLOAT16"] === "required")
  throw new Error(`VITVQ_FLOAT16 is "required", but WebGPU does not multiply float16: ${missingHalf}`);

let opened: Promise<Engine> | undefined;
/** One engine for all tests of a file. */
export const webgpu = (): Promise<Engine> => {
  opened ??= createOnnxEngine({ device: "webgpu" });
  return opened;
};

let openedHalf: Promise<Engine> | undefined;
/** The same in half precision. */
export const halfWebgpu = (): Promise<Engine> => {
  openedHalf ??= createOnnxEngine({ device: "webgpu", precision: "float16" });
  return openedHalf;
};
