/** A model to sample from, for the places where keys and values can be kept. */
import * as assert from "uvu/assert";
import type { Engine } from "../../lib/engine/types.js";
import { noClass, sequenceLength, type VimConfig, vimSpec } from "../../lib/models/vim.js";
import { flattenSpecs, initialise } from "../../lib/nn/params.js";
import { PLAIN_SAMPLING } from "../../lib/sample/draw.js";
import { createSampler, type SamplerOptions } from "../../lib/sample/sampler.js";

/** More positions than caches begin with, and not a multiple of what they grow by. */
export const MODEL: VimConfig = {
  dim: 8,
  heads: 2,
  mlpDim: 16,
  depth: 2,
  grid: [9, 8],
  vocabulary: 20,
  classes: 3,
  positions: "rowcol",
};
const BATCH = 3;

/** Weights larger than initial ones, so that codes depend on what came before. */
export function weightsOf(model: VimConfig) {
  const named = initialise(flattenSpecs(vimSpec(model)), 6);
  for (const [name, { data }] of Object.entries(named))
    if (!name.endsWith("gain")) for (let i = 0; i < data.length; i++) data[i]! *= 12;
  return named;
}

/** Codes of three sequences. */
export async function sampled(engine: Engine, change: Partial<SamplerOptions> = {}): Promise<number[]> {
  const { model = MODEL, prefixLength = 0 } = change;
  const sampler = await createSampler({ engine, model, weights: weightsOf(model), batchSize: BATCH, ...change });
  const prefix = Int32Array.from({ length: BATCH * prefixLength }, (_, i) => i % model.vocabulary);
  const codes = await sampler.sample({
    classIds: Int32Array.of(0, 1, noClass(model)),
    seeds: [11, 12, 13],
    filters: new Array(BATCH).fill(PLAIN_SAMPLING),
    ...(prefixLength > 0 ? { prefix } : {}),
  });
  await sampler.close();
  assert.is(codes.length, BATCH * sequenceLength(model));
  return [...codes];
}

/** Ways in which sampling differs, each with a name. */
export const CHANGES: Readonly<Record<string, Partial<SamplerOptions>>> = {
  "from the class alone": {},
  "from given codes": { prefixLength: 13 },
  "from all but the last code": { prefixLength: 71 },
  "with guidance": { guidance: { scale: 2, schedule: "constant" } },
  "of a model that shifts tokens": { model: { ...MODEL, tokenShift: true } },
  "of fewer positions than caches grow by": { model: { ...MODEL, grid: [3, 4] } },
};
