/** The figures of a tokenizer's evaluation as JSON: scores on top, and under `protocol` how each came about. */
import { LOGIT_LAPLACE_EPSILON } from "../../lib/losses/logitLaplace.js";
import type { CodebookUsage } from "../../lib/metrics/codebookUsage.js";
import type { InceptionScore } from "../../lib/metrics/inceptionScore.js";
import type { ReconstructionScores } from "../../lib/metrics/reconstructionScores.js";
import { INCEPTION_FEATURES } from "../../lib/models/inception.js";
import { codesPerImage, type TokenizerConfig } from "../../lib/models/tokenizer.js";
import type { LoadedModel } from "../support/models.js";
import { version } from "../support/version.js";
import type { FeatureScores, LocalScores } from "./evaluateFeatures.js";
import { type InceptionJudge, type Judges, type LocalJudge, localProtocol } from "./evaluateJudges.js";
import type { Originals } from "./evaluateStatistics.js";
import { isSingular } from "./fewImages.js";
import type { LpipsNetwork } from "./perceptualNetwork.js";

export type Measured = {
  readonly scores: ReconstructionScores;
  readonly usage: CodebookUsage;
  readonly features: FeatureScores | undefined;
  readonly local: LocalScores | undefined;
  readonly damaged: number;
};

export type Measuring = {
  readonly originals: Originals;
  readonly tokenizer: LoadedModel<TokenizerConfig>;
  readonly judges: Judges;
  readonly seconds: number;
};

export type Figures = ReturnType<typeof figuresOf>;

/** Scores that were not taken are null. */
export function figuresOf({ scores, usage, features, local, damaged }: Measured, of: Measuring) {
  const { originals, tokenizer, judges, seconds } = of;
  return {
    command: "evaluate",
    version: version(),
    data: originals.data,
    images: scores.images,
    damaged,
    imageSize: originals.imageSize,
    channels: originals.channels,
    resize: originals.resize,
    psnr: finite(scores.psnr),
    psnrOfMeanMse: finite(scores.psnrOfMeanMse),
    exactImages: scores.exactImages,
    mae: scores.mae,
    mse: scores.mse,
    ssim: scores.ssim ?? null,
    lpips: scores.lpips ?? null,
    logitLaplace: scores.logitLaplace ?? null,
    usage: usage.setUsage,
    batchUsage: usage.batchUsage,
    batchImages: usage.batchImages,
    perplexity: usage.perplexity,
    rfid: features?.rfid ?? null,
    inceptionScore: features ? scoreOf(features.inceptionScore) : null,
    originalsInceptionScore: features ? scoreOf(features.originals.inceptionScore) : null,
    localFrechet: local?.frechet ?? null,
    codebookSize: tokenizer.model.codebookSize,
    tokensPerImage: codesPerImage(tokenizer.model),
    tokenizer: tokenizer.hash,
    protocol: {
      psnr: { range: 1, mean: "of images", images: scores.images },
      ssim: scores.ssim === undefined ? null : { window: "11x11 Gaussian, sigma 1.5", images: scores.images },
      logitLaplace: scores.logitLaplace === undefined ? null : logitLaplaceProtocol(scores.images),
      usage: { batchImages: usage.batchImages, batches: usage.batches, imagesLeftOut: usage.imagesLeftOut },
      lpips: judges.lpips ? lpipsProtocol(judges.lpips, scores.images) : null,
      inception: judges.inception && features ? inceptionProtocol(judges.inception, features) : null,
      local: judges.local && local ? localProtocolOf(judges.local, local, tokenizer.hash) : null,
    },
    seconds,
  };
}

/** JSON has no infinity: a PSNR of images that are all exact becomes null, and `exactImages` says why. */
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);

const scoreOf = ({ mean, std, splits }: InceptionScore) => ({ mean, std, splits });

const logitLaplaceProtocol = (images: number) => ({
  density: "logit-Laplace of DALL-E",
  epsilon: LOGIT_LAPLACE_EPSILON,
  unit: "nats a value",
  images,
});

function lpipsProtocol({ vgg, calibration, network }: LpipsNetwork, images: number) {
  return { version: "0.1", backbone: "VGG-16", vgg, calibration, network, images };
}

function inceptionProtocol(
  { weights, protocol, statistics, stored }: InceptionJudge,
  { images, originals }: FeatureScores,
) {
  const { file, sha256, known, network } = weights;
  return {
    file,
    sha256,
    known,
    network,
    resize: protocol,
    pixels: "rounded to 8 bits",
    originals: originals.moments.count,
    reconstructions: images,
    singularCovariance: isSingular(Math.min(images, originals.moments.count), INCEPTION_FEATURES),
    statistics: statistics === undefined ? null : { file: statistics, read: stored !== undefined },
  };
}

function localProtocolOf(judge: LocalJudge, { images }: LocalScores, evaluated: string) {
  const protocol = localProtocol(judge);
  return {
    ...protocol,
    pixels: "rounded to 8 bits",
    originals: images,
    reconstructions: images,
    /** A tokenizer's own encoder is no independent judge of its reconstructions. */
    judgesItself: protocol.tokenizer === evaluated,
    singularCovariance: isSingular(images, protocol.dim),
  };
}
