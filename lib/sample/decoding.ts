import type { Decoder, DecoderOptions } from "./decoder.js";
import { createHostSteps } from "./hostDecoding.js";
import { createRepeatedDecoder } from "./repeatedDecoding.js";
import { createResidentSteps } from "./residentDecoding.js";
import { stepwiseDecoder } from "./stepwise.js";

/**
 * Compiles what sampling takes. Keys and values stay on its device where that has memory of its own, or,
 * where they can stay there within a call alone, one call draws many codes.
 */
export async function createDecoder(options: DecoderOptions): Promise<Decoder> {
  const { resident, repeated } = options.engine;
  if (repeated) return createRepeatedDecoder(options, repeated);
  const steps = resident ? await createResidentSteps(options, resident) : await createHostSteps(options);
  return stepwiseDecoder(options, steps);
}
