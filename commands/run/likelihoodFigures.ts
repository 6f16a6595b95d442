/** The figures of a VIM on a token file, as JSON. */
import path from "node:path";
import type { TokenFile } from "../../lib/files/tokenFile.js";
import { entropyOf } from "../../lib/metrics/codeEntropy.js";
import type { LikelihoodScores } from "../../lib/metrics/likelihoodScores.js";
import type { VimConfig } from "../../lib/models/vim.js";
import { bitsPerDimension } from "../../lib/train/priorSteps.js";
import { imageDimensions } from "../support/dimensions.js";
import type { LoadedModel } from "../support/models.js";
import { version } from "../support/version.js";
import type { Measured } from "./evaluateLikelihood.js";

/** Training codes, and what their frequencies make of those that are scored. */
export type Reference = {
  readonly file: string;
  readonly sha256: string;
  readonly rows: number;
  /** Nats per code, their counts plus one. */
  readonly crossEntropy: number;
};

export type Measuring = {
  readonly tokens: TokenFile;
  readonly sha256: string;
  readonly vim: LoadedModel<VimConfig>;
  readonly reference: Reference | undefined;
  readonly seconds: number;
};

export type LikelihoodFigures = ReturnType<typeof figuresOf>;

/** All in nats per code unless they are called bits; what could not be had is null. */
export function figuresOf(measured: Measured, { tokens, sha256, vim, reference, seconds }: Measuring) {
  const { rows, counter } = measured;
  const { grid, vocabulary, tokensPerImage, viewsPerImage } = tokens;
  const dimensions = imageDimensions(tokens) ?? null;
  const scored = (scores: LikelihoodScores | undefined) => {
    if (!scores) return null;
    const codes = tokensPerImage;
    const bits = dimensions === null ? null : bitsPerDimension(scores.nll, { codes, dimensions });
    return { ...scores, bitsPerDimension: bits };
  };
  const positions = counter.positionEntropies();
  const byRow = Array.from({ length: grid[0] }, (_, r) => mean(positions.subarray(r * grid[1], (r + 1) * grid[1])));
  return {
    command: "evaluate",
    version: version(),
    tokens: path.resolve(tokens.path),
    tokensSha256: sha256,
    rows,
    viewsPerImage,
    grid,
    vocabulary,
    codes: rows * tokensPerImage,
    vim: vim.hash,
    tokenizer: tokens.tokenizerHash,
    withClass: scored(measured.withClass),
    withoutClass: scored(measured.withoutClass),
    unigramEntropy: entropyOf(counter.counts()),
    positionEntropy: mean(positions),
    positionEntropyByRow: byRow,
    uniformEntropy: Math.log(vocabulary),
    reference: reference ? { ...reference, file: path.resolve(reference.file), smoothing: "add-one" } : null,
    dimensions,
    seconds,
  };
}

function mean(values: Float64Array): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}
