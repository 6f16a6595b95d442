/** Codes drawn as planned, those kept that a classifier is surest of, and images made of them. */
import type { Engine } from "../../lib/engine/types.js";
import { codesPerImage, type TokenizerConfig } from "../../lib/models/tokenizer.js";
import { sequenceLength, type VimConfig } from "../../lib/models/vim.js";
import { createDecoder } from "../../lib/sample/codec.js";
import { createSampler } from "../../lib/sample/sampler.js";
import type { Reporter } from "../../lib/ui/progress.js";
import type { LoadedModel } from "../support/models.js";
import { filterFor } from "./sampleFilters.js";
import type { Judging } from "./sampleJudge.js";
import type { Plan } from "./samplePlan.js";
import { type Rejection, surest } from "./sampleRejection.js";
import type { Rules } from "./sampleRules.js";

/** An image that was drawn, with the probability of its class where a classifier was asked. */
export type DrawnImage = Plan & { readonly confidence?: number };

/** Codes [N, T] of images in the order of their plans. */
export type Codes = { readonly images: readonly DrawnImage[]; readonly codes: Int32Array };

type Drawing = {
  vim: LoadedModel<VimConfig>;
  /** With the first codes of each image where some are given. */
  plans: readonly (Plan & { readonly prefix?: Int32Array })[];
  rules: Rules;
  /** How many codes of each image are given. */
  prefixLength?: number;
  engine: Engine;
  reporter: Reporter;
  /** Sequences drawn together, at most as many as are planned. */
  batchSize: number;
};

/**
 * Codes of all plans, drawn batch by batch; a last batch that is not full draws its first sequence again. The weights are given up,
 * wherever the sampler has copies.
 */
export async function drawCodes(drawing: Drawing): Promise<Codes> {
  const { vim, plans, rules, prefixLength = 0, engine, reporter, batchSize } = drawing;
  const { guidance, filters } = rules;
  const T = sequenceLength(vim.model);
  const each = T - prefixLength;
  const { model, weights } = vim;
  const givesUpWeights = true;
  const sampler = await createSampler({ engine, model, weights, givesUpWeights, batchSize, guidance, prefixLength });
  const all = new Int32Array(plans.length * T);
  const bar = reporter.bar({ total: plans.length * each, unit: "codes", label: "drawing" });
  try {
    for (let done = 0; done < plans.length; done += batchSize) {
      const part = plans.slice(done, done + batchSize);
      const padded = Array.from({ length: batchSize }, (_, i) => part[i] ?? part[0]!);
      const codes = await sampler.sample({
        classIds: Int32Array.from(padded, ({ classId }) => classId),
        seeds: padded.map(({ seed }) => seed),
        filters: padded.map(({ classId }) => filterFor(filters, classId)),
        prefix: Int32Array.from(padded.flatMap(({ prefix = [] }) => [...prefix])),
        onPosition: (drawn) =>
          bar.update(done * each + drawn * part.length, {
            "images left": plans.length - done - (drawn === each ? part.length : 0),
          }),
      });
      all.set(codes.subarray(0, part.length * T), done * T);
    }
  } finally {
    bar.stop();
    await sampler.close();
  }
  return { images: plans, codes: all };
}

type Rejecting = Judging & {
  readonly drawn: Codes;
  readonly shares: ReadonlyMap<number, number>;
};

/** The images that the classifier is surest of. */
export async function reject({ judge }: Rejection, { drawn, shares, ...tools }: Rejecting): Promise<Codes> {
  const classIds = drawn.images.map(({ classId }) => classId);
  const confidence = await judge.confidences({ codes: drawn.codes, classIds }, tools);
  const kept = surest(classIds, confidence, shares);
  const T = drawn.codes.length / classIds.length;
  const codes = new Int32Array(kept.length * T);
  for (const [to, from] of kept.entries()) codes.set(drawn.codes.subarray(from * T, (from + 1) * T), to * T);
  return { images: kept.map((i) => ({ ...drawn.images[i]!, confidence: confidence[i]! })), codes };
}

type Decoding = { tokenizer: LoadedModel<TokenizerConfig>; engine: Engine; batchSize: number };

/**
 * Images of codes [N, T], batch by batch, each [n, H, W, C]: all of them at once may be more than memory holds. The tokenizer's
 * weights are given up.
 */
export async function* decodedBatches(codes: Int32Array, decoding: Decoding): AsyncGenerator<Float32Array> {
  const { tokenizer, engine, batchSize } = decoding;
  const { model, weights } = tokenizer;
  const T = codesPerImage(model);
  const together = Math.min(batchSize, codes.length / T);
  const decoder = await createDecoder({ engine, model, weights, givesUpWeights: true, batchSize: together });
  try {
    for (let from = 0; from < codes.length; from += together * T)
      yield await decoder.decode(codes.subarray(from, from + together * T));
  } finally {
    await decoder.close();
  }
}
