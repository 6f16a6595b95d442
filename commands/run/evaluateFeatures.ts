/** What networks see in originals and reconstructions, batch by batch: rFID, Inception Scores, a local distance. */
import { createHash } from "node:crypto";
import { DataError } from "../../lib/errors.js";
import { bytesOf } from "../../lib/files/bytes.js";
import { countMoments } from "../../lib/metrics/featureMoments.js";
import { frechetDistance } from "../../lib/metrics/frechet.js";
import type { ImagePair } from "../../lib/metrics/imagePair.js";
import { collectFeatures, type InceptionExtractor, type SetFeatures } from "../../lib/metrics/inceptionFeatures.js";
import { type InceptionScore, inceptionScore } from "../../lib/metrics/inceptionScore.js";
import { INCEPTION_LOGITS } from "../../lib/models/inception.js";
import type { Featurizer } from "../../lib/sample/codec.js";
import { expectSamePixels, type OriginalFeatures, type StoredFeatures } from "./evaluateStatistics.js";

export type FeatureScores = {
  /** On either side. */
  readonly images: number;
  /** Distance between the features of originals and reconstructions. */
  readonly rfid: number;
  /** Of the reconstructions. */
  readonly inceptionScore: InceptionScore;
  readonly originals: OriginalFeatures;
};

export type FeatureComparison<Scores = FeatureScores> = {
  /** Reconstructions are seen rounded to 8 bits, as they would be out of image files. */
  add(pair: ImagePair): Promise<void>;
  /**
   * Takes half a minute once there are more images than features.
   * @throws DataError when there were fewer than two images
   * @throws FileError when the originals are not those of the stored features
   */
  result(): Scores;
};

export type ComparisonOptions = {
  readonly extractor: Pick<InceptionExtractor, "extract">;
  /** The originals' features if they are known; they are then not extracted. */
  readonly stored?: StoredFeatures | undefined;
};

export function compareFeatures({ extractor, stored }: ComparisonOptions): FeatureComparison {
  const made = collectFeatures();
  const given = stored ? undefined : collectFeatures();
  const digest = createHash("sha256");
  let images = 0;
  return {
    async add({ originals, reconstructions, shape }) {
      digest.update(bytesOf(originals));
      given?.add(await extractor.extract(originals));
      made.add(await extractor.extract(roundedToBytes(reconstructions)));
      images += shape[0];
    },
    result() {
      if (images < 2) throw new DataError(`--inception: rFID wants at least two images, got ${images}`);
      const pixels = digest.digest("hex");
      if (stored) expectSamePixels(stored, pixels);
      const originals = stored ?? { ...summarized(given!.result()), pixels };
      const { moments, inceptionScore } = summarized(made.result());
      return { images, rfid: frechetDistance(originals.moments, moments), inceptionScore, originals };
    },
  };
}

/** By a tokenizer's features. */
export type LocalScores = {
  /** On either side. */
  readonly images: number;
  /** Width of the features. */
  readonly dim: number;
  readonly frechet: number;
};

/** The Fréchet distance of originals and reconstructions on a tokenizer's features. */
export function compareLocally(featurizer: Omit<Featurizer, "close">): FeatureComparison<LocalScores> {
  const [given, made] = [countMoments(featurizer.dim), countMoments(featurizer.dim)];
  let images = 0;
  return {
    async add({ originals, reconstructions, shape }) {
      given.add(await featurizer.extract(originals));
      made.add(await featurizer.extract(roundedToBytes(reconstructions)));
      images += shape[0];
    },
    result() {
      if (images < 2) throw new DataError(`--features: a distance wants at least two images, got ${images}`);
      return { images, dim: featurizer.dim, frechet: frechetDistance(given.result(), made.result()) };
    },
  };
}

const MOST_SPLITS = 10; // as every published score has them

/** A set's moments and Inception Score, of as many splits as everyone quotes where there are images for them. */
export function summarized({ moments, logits }: SetFeatures): Omit<OriginalFeatures, "pixels"> {
  const splits = Math.min(MOST_SPLITS, moments.count);
  return { moments, inceptionScore: inceptionScore(logits, INCEPTION_LOGITS, { splits }) };
}

function roundedToBytes(images: Float32Array): Float32Array {
  return images.map((value) => Math.round(255 * value) / 255);
}
