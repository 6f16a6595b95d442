/** How many images `sample` works on together. */
import { freemem } from "node:os";
import { bytesOfWeights } from "../../lib/engine/weightFeeds.js";
import type { TokenizerConfig } from "../../lib/models/tokenizer.js";
import type { VimConfig } from "../../lib/models/vim.js";
import { bytesPerDecoded, bytesPerSequence, fittingBatch } from "../../lib/sample/batchSize.js";
import { largestBuiltInFor } from "../../lib/sample/hostDecoding.js";
import { LARGEST_IN_CALLS } from "../../lib/sample/repeatedDecoding.js";
import type { SampleConfig } from "../sample.js";
import type { LoadedModel } from "../support/models.js";
import type { Rules } from "./sampleRules.js";

export type Batch = {
  /** Sequences drawn together. */
  readonly draw: number;
  /** Images decoded together. */
  readonly decode: number;
};

type Work = {
  readonly vim: Pick<LoadedModel<VimConfig>, "model" | "weights">;
  readonly decoder: Pick<LoadedModel<TokenizerConfig>, "model">;
  /** Guidance draws a second sequence beside each. */
  readonly rules: Pick<Rules, "guidance">;
  /** Codes of each that are given. */
  readonly prefixLength?: number;
  /** Images to draw. */
  readonly images: number;
  /** Bytes that are free, and that there are in all; what the system says unless given. */
  readonly free?: number;
  readonly memory?: number;
};

const SHARE = 0.5; // of the free memory: others use the machine, too
const [MOST_DRAWN, MOST_DECODED] = [128, 32];

/**
 * The batch size asked for, else as many as fit into half of the free memory, up to what still makes it faster.
 *
 * It changes no image: rows of a product with packed weights do not depend on how many there are. Weights too large to be
 * packed are fed, and then a single row takes another way to its sum (logits move by 3e-6): there are at least two.
 */
export function batchSizes(
  { batchSize, engine, device }: Pick<SampleConfig, "batchSize" | "engine" | "device">,
  { vim, decoder, rules, prefixLength = 0, images, free, memory }: Work,
): Batch {
  const held = bytesOfWeights(vim.weights);
  const packed = held <= (device === "cuda" ? LARGEST_IN_CALLS : largestBuiltInFor(prefixLength, memory));
  const least = packed ? 1 : 2;
  if (batchSize !== undefined)
    return { draw: Math.max(least, Math.min(batchSize, images)), decode: Math.min(batchSize, images) };
  const room = SHARE * (free ?? freeMemory());
  const graphs = prefixLength > 0 ? 2 : 1;
  // Packed weights take the place of those that were read where these are given up.
  const more = engine === "onnxruntime" && device === "cpu" ? graphs - 1 : 2;
  const bytes = room - (packed ? more * held : 0);
  return {
    draw: Math.max(
      least,
      fittingBatch({
        bytesEach: bytesPerSequence(vim.model, { passes: rules.guidance ? 2 : 1, prefixLength }),
        bytes,
        images,
        most: MOST_DRAWN,
      }),
    ),
    decode: fittingBatch({ bytesEach: bytesPerDecoded(decoder.model), bytes: room, images, most: MOST_DECODED }),
  };
}

/** Bytes that this process can still get: free and reclaimable, within the limit of its container where it has one. */
function freeMemory(): number {
  const { availableMemory } = process as { availableMemory?: () => number }; // from Node 20.13
  return Math.min(freemem(), availableMemory?.() ?? Number.POSITIVE_INFINITY);
}
