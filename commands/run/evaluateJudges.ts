/** Networks that judge reconstructions: VGG-16 for LPIPS, Inception for rFID and Inception Scores. */
import type { Engine } from "../../lib/engine/types.js";
import type { FeatureOrigin } from "../../lib/files/featureStatistics.js";
import { createInceptionExtractor, type InceptionExtractor } from "../../lib/metrics/inceptionFeatures.js";
import { type InceptionWeights, readInception } from "../../lib/metrics/inceptionWeights.js";
import { createLpips, type Lpips } from "../../lib/metrics/lpips.js";
import type { InceptionProtocol } from "../../lib/models/inception.js";
import type { EvaluateContext } from "./evaluate.js";
import { type Originals, readOriginals, type StoredFeatures } from "./evaluateStatistics.js";
import { type LpipsNetwork, lpipsNetwork } from "./perceptualNetwork.js";

/** The networks that were asked for, read but not compiled. */
export type Judges = {
  readonly lpips: LpipsNetwork | undefined;
  readonly inception: InceptionJudge | undefined;
};

export type InceptionJudge = {
  readonly weights: InceptionWeights;
  readonly protocol: InceptionProtocol;
  /** Where the originals' features are kept. */
  readonly statistics: string | undefined;
  /** What was kept there before. */
  readonly stored: StoredFeatures | undefined;
};

type Asked = Pick<EvaluateContext["config"], "vgg" | "lpips" | "inception" | "inceptionProtocol" | "statistics">;

/**
 * Reads and checks the files that options name.
 * @throws UsageError when a file that is wanted is not named, or the images are too small
 * @throws FileError when a file is not what it should be, or the statistics are not of these originals
 */
export async function readJudges(asked: Asked, originals: Originals): Promise<Judges> {
  return {
    lpips: await lpipsNetwork({ ...asked, imageSize: originals.imageSize }),
    inception: asked.inception === undefined ? undefined : await readInceptionJudge(asked.inception, asked, originals),
  };
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
  readonly originals: Originals;
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
