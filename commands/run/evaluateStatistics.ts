/** The originals' side of rFID and Inception Score, kept in a file of feature statistics so that it is computed once. */
import { existsSync } from "node:fs";
import { FileError } from "../../lib/errors.js";
import { stableJson } from "../../lib/files/atomic.js";
import {
  type FeatureOrigin,
  readFeatureStatistics,
  writeFeatureStatistics,
} from "../../lib/files/featureStatistics.js";
import type { Moments } from "../../lib/metrics/featureMoments.js";
import type { InceptionScore } from "../../lib/metrics/inceptionScore.js";

/** Which images, and how they are brought to size: what decides features beside network and protocol. */
export type Originals = {
  /** Absolute path. */
  readonly data: string;
  /** Images asked for; damaged ones may be left out of them. */
  readonly images: number;
  readonly imageSize: number;
  readonly channels: 1 | 3;
  readonly resize: string;
};

/** What Inception sees in the originals. */
export type OriginalFeatures = {
  readonly moments: Moments;
  readonly inceptionScore: InceptionScore;
  /** SHA-256 over the pixels of all images in their order. */
  readonly pixels: string;
};

export type StoredFeatures = OriginalFeatures & { readonly file: string };

const NAMES: Readonly<Record<keyof Originals, string>> = {
  data: "data",
  images: "number of images",
  imageSize: "image size",
  channels: "number of channels",
  resize: "resizing",
};

/**
 * What a file keeps of these originals; undefined when there is no such file.
 * @throws FileError when it is damaged, or of another network, protocol, data, count or size, saying what differs
 */
export async function readOriginals(
  file: string,
  origin: FeatureOrigin,
  originals: Originals,
): Promise<StoredFeatures | undefined> {
  if (!existsSync(file)) return undefined;
  const { count, mean, covariance, source } = await readFeatureStatistics(file, origin);
  const { inceptionScore, pixels, ...stored } = parseSource(file, source);
  const differences = (Object.keys(NAMES) as (keyof Originals)[])
    .filter((name) => stored[name] !== originals[name])
    .map((name) => `${NAMES[name]} ${stored[name]}, here ${originals[name]}`);
  if (differences.length > 0)
    throw new FileError(`${file}: statistics of other originals: ${differences.join("; ")}; ${ANEW}`);
  return { file, moments: { count, mean, covariance }, inceptionScore, pixels };
}

/** Keeps what was seen in the originals, with all that decides it. */
export async function writeOriginals(
  file: string,
  origin: FeatureOrigin,
  { originals, features }: { readonly originals: Originals; readonly features: OriginalFeatures },
): Promise<void> {
  const { moments, inceptionScore, pixels } = features;
  const source = stableJson({ ...originals, inceptionScore, pixels } satisfies Source);
  await writeFeatureStatistics(file, { ...origin, ...moments, source });
}

/**
 * Checks that the images are still those of the stored statistics.
 * @throws FileError when a pixel differs
 */
export function expectSamePixels({ file, pixels: stored }: StoredFeatures, pixels: string): void {
  if (pixels !== stored)
    throw new FileError(`${file}: the originals have changed since these statistics were computed; ${ANEW}`);
}

const ANEW = "name another file, or remove this one to compute them anew";

/** The metadata `source` of such a file, as JSON. */
type Source = Originals & Pick<OriginalFeatures, "inceptionScore" | "pixels">;

function parseSource(file: string, text: string): Source {
  const source = parsed(text) as Partial<Source> | null | undefined;
  if (typeof source?.pixels !== "string" || typeof source.inceptionScore?.mean !== "number")
    throw new FileError(`${file}: these statistics, of ${text}, are not of the originals of an evaluation; ${ANEW}`);
  return source as Source;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
