/** VGG-16 as loss and as metric, out of the files that people have. */
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { UsageError } from "../../lib/errors.js";
import { weightsHash } from "../../lib/files/hostTensors.js";
import { openWeights } from "../../lib/files/weightsFile.js";
import { LPIPS, type PerceptualConfig } from "../../lib/losses/perceptual.js";
import type { ForeignFile } from "../../lib/models/foreign/params.js";
import { perceptualWeights } from "../../lib/models/foreign/perceptualWeights.js";
import { VGG16, VGG16_SMALLEST_SIDE } from "../../lib/models/vgg16.js";
import type { PerceptualNetwork } from "../../lib/train/tokenizerSteps.js";
import { type FileIdentity, fileIdentity } from "../support/fileIdentity.js";
import type { TrainVqConfig } from "../trainVq.js";

type Asked = Pick<TrainVqConfig, "vgg" | "lpips" | "perceptualForm" | "perceptualWeight" | "imageSize">;

const VGG_URL = "https://download.pytorch.org/models/vgg16-397923af.pth";
const LPIPS_URL = "https://github.com/richzhang/PerceptualSimilarity/raw/master/lpips/weights/v0.1/vgg.pth";

/** Beginnings of the SHA-256 of these files: the first is in its name, the other was taken of the lpips 0.1.4 package. */
const PUBLISHED = { vgg: "397923af", lpips: "a78928a0" };

/** Weight of the perceptual loss: the paper's where there is a network to see with, unless another is asked for. */
export function perceptualWeightOf({ perceptualWeight, vgg }: Asked): number {
  return perceptualWeight ?? (vgg === undefined ? 0 : 0.1);
}

/**
 * Reads the network of the loss; undefined where the loss has no weight.
 * @throws UsageError when a file is wanted and not named, saying where it is to be had
 * @throws FileError when a file is not what it should be
 */
export async function perceptualNetwork(asked: Asked): Promise<PerceptualNetwork | undefined> {
  if (perceptualWeightOf(asked) === 0) return undefined;
  const { vgg, lpips, perceptualForm: form, imageSize } = asked;
  if (vgg === undefined) throw new UsageError(`--perceptual-weight: ${wanted("VGG-16's weights", VGG_URL, "--vgg")}`);
  expectLargeEnough("--perceptual-weight", imageSize);
  const config = { ...VGG16, form };
  return { config, weights: await readWeights({ vgg, lpips }, config, ", or take --perceptual-form features") };
}

/** LPIPS as a metric, and where it came from. */
export type LpipsNetwork = {
  readonly weights: NamedHostTensors;
  /** `weightsHash` of them, the same in whatever kind of file they lie. */
  readonly network: string;
  readonly vgg: FileIdentity;
  readonly calibration: FileIdentity;
};

/**
 * Reads the network of the metric; undefined where neither file is named. Throws as `perceptualNetwork` does.
 * @param asked the options of `evaluate`, and the side of the images in pixels
 */
export async function lpipsNetwork(
  asked: Pick<Asked, "vgg" | "lpips" | "imageSize">,
): Promise<LpipsNetwork | undefined> {
  const { vgg, lpips, imageSize } = asked;
  if (vgg === undefined) {
    if (lpips === undefined) return undefined;
    throw new UsageError(`--lpips: ${wanted("VGG-16's weights as well", VGG_URL, "--vgg")}`);
  }
  expectLargeEnough("--vgg", imageSize);
  const weights = await readWeights({ vgg, lpips }, LPIPS);
  return {
    weights,
    network: weightsHash(weights),
    vgg: await fileIdentity(vgg, PUBLISHED.vgg),
    calibration: await fileIdentity(lpips ?? vgg, PUBLISHED.lpips),
  };
}

type Paths = { readonly vgg: string; readonly lpips: string | undefined };

/** @param otherwise ends the complaint about channels without weights: what else may be done */
async function readWeights({ vgg, lpips }: Paths, config: PerceptualConfig, otherwise = ""): Promise<NamedHostTensors> {
  const network = await foreignFile(vgg, /^classifier\./);
  const calibrated = Object.keys(network.tensors).some((name) => /(^|\.)lin\d/.test(name));
  if (config.form === "lpips" && lpips === undefined && !calibrated)
    throw new UsageError(
      `--vgg: ${vgg} has no weights of channels; download ${LPIPS_URL} and name it with --lpips${otherwise}`,
    );
  const calibration = lpips === undefined ? {} : { calibration: await foreignFile(lpips) };
  return perceptualWeights({ vgg: network, ...calibration }, config);
}

/** All tensors of a file, but those that are large and of no use. */
async function foreignFile(path: string, leftOut?: RegExp): Promise<ForeignFile> {
  const file = await openWeights(path);
  try {
    const tensors: NamedHostTensors = {};
    for (const name of file.tensors.keys()) if (!leftOut?.test(name)) tensors[name] = await file.read(name);
    return { what: path, tensors };
  } finally {
    await file.close();
  }
}

const wanted = (what: string, url: string, flag: string) => `wants ${what}; download ${url} and name it with ${flag}`;

function expectLargeEnough(flag: string, imageSize: number): void {
  if (imageSize < VGG16_SMALLEST_SIDE)
    throw new UsageError(`${flag}: VGG-16 wants images of ${VGG16_SMALLEST_SIDE} pixels, got ${imageSize}`);
}
