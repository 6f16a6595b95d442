/** What `loader` measures: images of a kind, how training takes them, and a training that does. */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import sharp from "sharp";
import { type Augment, NO_AUGMENT } from "../lib/data/augment.js";
import { ImageReader } from "../lib/data/imageReader.js";
import { type ImageSource, openSource } from "../lib/data/source.js";
import { centredView, type ViewSettings } from "../lib/data/view.js";
import { UsageError } from "../lib/errors.js";
import { root } from "./program.js";

export type LoaderCase = {
  /** Makes the images below a folder, where they are not there already, and says where they lie. */
  readonly images: (folder: string, photos: string | undefined) => Promise<string>;
  readonly view: ViewSettings;
  readonly augment: Augment;
  readonly batchSize: number;
  /** Options of `train-vq` beside those of data and augmentation. */
  readonly training: readonly string[];
  /** Of the training; a third of them count as warming up. */
  readonly steps: number;
};

/** Crops of slightly different sizes, so that every image is resized anew each time. */
const VARIED: Augment = { resize: "cover", crop: "random", cropScale: [1, 1.125], flip: true };

const TINY = ["--preset", "tiny", "--adversarial-weight", "0", "--seed", "1"];

const CASES: Readonly<Record<string, LoaderCase>> = {
  // Stage 1 of `make demo`.
  "idx-28": {
    images: async () => path.join(root, "fixtures", "fashion-mnist-mini", "train-images-idx3-ubyte.gz"),
    view: { size: 28, channels: 1 },
    augment: NO_AUGMENT,
    batchSize: 64,
    training: [
      ...[...TINY, "--image-size", "28", "--channels", "1", "--codebook-size", "512", "--code-dim", "8"],
      ...["--encoder-dim", "96", "--encoder-depth", "2", "--decoder-dim", "96", "--decoder-depth", "2"],
      ...["--logit-laplace-weight", "0.01"],
    ],
    steps: 90,
  },
  // Stage 1 of `make emoji`.
  "png-64": {
    images: (folder) =>
      enlarged(path.join(root, "fixtures", "emoji-mini", "train"), folder, { side: 64, format: "png" }),
    view: { size: 64, channels: 3 },
    augment: VARIED,
    batchSize: 16,
    training: [
      ...[...TINY, "--image-size", "64", "--patch-size", "8", "--codebook-size", "1024", "--code-dim", "8"],
      ...["--encoder-depth", "2", "--decoder-depth", "4", "--logit-laplace-weight", "0.01"],
    ],
    steps: 120,
  },
  "jpeg-256": {
    images: photographs,
    view: { size: 256, channels: 3 },
    augment: VARIED,
    batchSize: 16,
    training: [...TINY, "--image-size", "256", "--patch-size", "16"],
    steps: 15,
  },
  // ViT-VQGAN-SS without discriminator and VGG-16, which would make steps longer; parts of a batch keep memory small.
  "jpeg-256-small": {
    images: photographs,
    view: { size: 256, channels: 3 },
    augment: VARIED,
    batchSize: 4,
    training: ["--preset", "small", "--adversarial-weight", "0", "--accumulate", "4", "--quantize-from", "0"],
    steps: 6,
  },
};

/** Those that take a few minutes together. */
export const USUAL_LOADER_CASES = ["idx-28", "png-64", "jpeg-256"];

/** @throws UsageError when there is no such case */
export function findLoaderCase(name: string): LoaderCase {
  const found = CASES[name];
  if (!found) throw new UsageError(`--case: want some of ${Object.keys(CASES).join(", ")}, got "${name}"`);
  return found;
}

/** Options of `train-vq` that state an augmentation. */
export function augmentArguments({ crop, cropScale, flip }: Augment): string[] {
  return ["--crop", crop, ...(cropScale ? ["--crop-scale", cropScale.join(",")] : []), ...(flip ? ["--flip"] : [])];
}

/**
 * An IDX file [N, size, size, C] of a source's images, centred, as `view` asks, without those that are damaged: the same
 * training without anything to decode.
 * @throws DataError when all of them are
 */
export async function writeIdx(file: string, source: ImageSource, view: ViewSettings): Promise<void> {
  const reader = new ImageReader({ source });
  const images: Uint8Array[] = [];
  for (let i = 0; i < source.count; i++) images.push((await reader.read(i, centredView(view))) ?? new Uint8Array());
  const dims = [source.count - reader.damaged.length, view.size, view.size, view.channels];
  const header = Buffer.alloc(4 + 4 * dims.length);
  header.writeUInt32BE((8 << 8) | dims.length); // 8: bytes
  for (const [i, dim] of dims.entries()) header.writeUInt32BE(dim, 4 + 4 * i);
  await writeFile(file, Buffer.concat([header, ...images]));
}

/** The photographs given, or those of the fixtures enlarged to what a camera makes of the web. */
async function photographs(folder: string, photos: string | undefined): Promise<string> {
  return photos ?? enlarged(path.join(root, "fixtures", "photos-mini"), folder, { side: 1280, format: "jpeg" });
}

async function enlarged(
  from: string,
  to: string,
  { side, format }: { side: number; format: "png" | "jpeg" },
): Promise<string> {
  const source = await openSource(from);
  for (let i = 0; i < source.count; i++) {
    const input = source.input(i);
    if (!("file" in input)) throw new UsageError(`${from}: want files to enlarge`);
    const file = path.join(to, `${source.name(i).replace(/\.\w+$/, "")}.${format}`);
    await mkdir(path.dirname(file), { recursive: true });
    await sharp(input.file).resize(side, side).toFormat(format, { quality: 90 }).toFile(file);
  }
  return to;
}
