/**
 * Networks that judge images: VGG-16 for LPIPS; Inception for Fréchet distances, Inception Scores and neighbourhoods; a
 * tokenizer's encoder for the same without Inception's weights.
 */
import type { Engine } from "../../lib/engine/types.js";
import { UsageError } from "../../lib/errors.js";
import type { FeatureOrigin } from "../../lib/files/featureStatistics.js";
import { createInceptionExtractor, type InceptionExtractor } from "../../lib/metrics/inceptionFeatures.js";
import { type InceptionWeights, readInception } from "../../lib/metrics/inceptionWeights.js";
import { createLpips, type Lpips } from "../../lib/metrics/lpips.js";
import type { InceptionProtocol } from "../../lib/models/inception.js";
import { type TokenizerConfig, tokenizerOf } from "../../lib/models/tokenizer.js";
import { createFeaturizer, type Featurizer } from "../../lib/sample/codec.js";
import { type LoadedModel, loadTokenizer } from "../support/models.js";
import type { EvaluateContext } from "./evaluate.js";
import { type Originals, readOriginals, type StoredFeatures } from "./evaluateStatistics.js";
import { type LpipsNetwork, lpipsNetwork } from "./perceptualNetwork.js";

/** The networks that were asked for, read but not compiled. */
export type Judges = {
  readonly lpips: LpipsNetwork | undefined;
  readonly inception: InceptionJudge | undefined;
  readonly local: LocalJudge | undefined;
};

export type InceptionJudge = {
  readonly weights: InceptionWeights;
  readonly protocol: InceptionProtocol;
  /** Where the originals' features are kept. */
  readonly statistics: string | undefined;
  /** What was kept there before. */
  readonly stored: StoredFeatures | undefined;
};

/** A tokenizer by whose encoder images are compared. */
export type LocalJudge = {
  /** As it was named. */
  readonly run: string;
  readonly tokenizer: LoadedModel<TokenizerConfig>;
};

type Asked = Pick<
  EvaluateContext["config"],
  "vgg" | "lpips" | "inception" | "inceptionProtocol" | "statistics" | "features"
>;

/**
 * Reads and checks the files that options name.
 * @throws UsageError when a file that is wanted is not named, or the images do not have a network's size
 * @throws FileError when a file is not what it should be, or the statistics are not of these originals
 */
export async function readJudges(asked: Asked, originals: Originals): Promise<Judges> {
  return {
    lpips: await lpipsNetwork({ ...asked, imageSize: originals.imageSize }),
    inception: asked.inception === undefined ? undefined : await readInceptionJudge(asked.inception, asked, originals),
    local: asked.features === undefined ? undefined : await readLocalJudge(asked.features, originals),
  };
}

async function readLocalJudge(run: string, originals: Originals): Promise<LocalJudge> {
  const tokenizer = await loadTokenizer(run);
  const { imageSize, channels } = tokenizer.model;
  if (imageSize === originals.imageSize && channels === originals.channels) return { run, tokenizer };
  const size = (side: number, colours: number) => `${side} x ${side} x ${colours}`;
  throw new UsageError(
    `--features: ${run} sees images of ${size(imageSize, channels)}, want ${size(originals.imageSize, originals.channels)} ` +
      "as the images to compare have; name another tokenizer",
  );
}

async function readInceptionJudge(file: string, asked: Asked, originals: Originals): Promise<InceptionJudge> {
  const { inceptionProtocol: protocol, statistics } = asked;
  const weights = await readInception(file);
  const judge = { weights, protocol, statistics };
  const stored = statistics === undefined ? undefined : await readOriginals(statistics, originOf(judge), originals);
  return { ...judge, stored };
}

/** How the features are computed. */
export function originOf({ weights, protocol }: Pick<InceptionJudge, "weights" | "protocol">): FeatureOrigin {
  return { network: weights.network, protocol };
}

const IMAGES_AT_ONCE = 8; // their feature maps take far more memory than a tokenizer's tokens

export type Sight = {
  readonly engine: Engine;
  readonly originals: Pick<Originals, "imageSize" | "channels">;
  /** Images that will be given together. */
  readonly batchSize: number;
};

export function openLpips({ weights }: LpipsNetwork, { engine, originals, batchSize }: Sight): Promise<Lpips> {
  const { imageSize: side, channels } = originals;
  return createLpips({
    engine,
    weights,
    imageShape: [side, side, channels],
    batchSize: Math.min(IMAGES_AT_ONCE, batchSize),
  });
}

export function openExtractor(
  { weights, protocol }: InceptionJudge,
  { engine, originals, batchSize }: Sight,
): Promise<InceptionExtractor> {
  const { imageSize: side, channels } = originals;
  return createInceptionExtractor({
    engine,
    params: weights.params,
    protocol,
    image: { height: side, width: side, channels },
    batchSize: Math.min(IMAGES_AT_ONCE, batchSize),
  });
}

export function openFeaturizer({ tokenizer }: LocalJudge, { engine, batchSize }: Sight): Promise<Featurizer> {
  return createFeaturizer({ engine, ...tokenizer, batchSize });
}

/** What JSON says of the tokenizer whose features were compared. */
export function localProtocol({ run, tokenizer }: LocalJudge) {
  return {
    run,
    tokenizer: tokenizer.hash,
    features: "output of the encoder's last block, mean over tokens",
    dim: tokenizerOf(tokenizer.model).encoderWidth,
    comparable: "only with figures by this tokenizer and as many images; not with published ones",
  };
}
