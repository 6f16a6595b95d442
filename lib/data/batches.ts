import { quiet } from "../promises.js";
import { rngFrom, streamSeed } from "../random.js";
import { type Augment, drawView, NO_AUGMENT, shorterSides } from "./augment.js";
import { checkBatching } from "./checkBatching.js";
import { type Damaged, type DamageOptions, ImageReader, type Keep } from "./imageReader.js";
import { trainingOrder } from "./order.js";
import { checkAhead, prefetch } from "./prefetch.js";
import type { ReadableImages } from "./source.js";
import { centredView, checkView, type View, type ViewSettings } from "./view.js";

/** Images as a step takes them. */
export type ImageBatch = {
  /** [B, H, W, C] in [0, 1]. */
  readonly images: Float32Array;
  /** [B], -1 where unknown. */
  readonly labels: Int32Array;
  /** [B], places in the source. */
  readonly indices: Int32Array;
};

/** A batch of training; `epoch` is that of its first image. */
export type Batch = ImageBatch & { readonly epoch: number; readonly step: number };

export type TrainingOptions = DamageOptions & {
  readonly source: ReadableImages;
  readonly view: ViewSettings;
  /** Default: none. */
  readonly augment?: Augment;
  readonly batchSize: number;
  readonly seed: number;
  /** First step to give, for resuming; default 0. */
  readonly startStep?: number;
  /** Batches under way beyond the one in use; default 4. */
  readonly prefetch?: number;
  /** Images are kept decoded, in every size that views ask for, when all take at most this; default 512 MiB. */
  readonly cacheBytes?: number;
};

export type TrainingBatches = {
  /** @throws DataError when an image is damaged and `strict`, or all of them are */
  next(): Promise<Batch>;
  /** Seconds spent waiting in `next` so far. */
  readonly waited: number;
  readonly damaged: readonly Damaged[];
  close(): Promise<void>;
};

export const DEFAULT_PREFETCH = 4;
const DEFAULT_CACHE_BYTES = 512 * 2 ** 20;

/**
 * Endless shuffled batches, read ahead.
 *
 * Every image is a function of (seed, position = step * batchSize + b) alone: where it comes in the order (stream
 * "order"), its view (stream "augment", epoch, index), and what stands in for a damaged one (stream "replace",
 * position, attempt). So a run resumed at a step goes on with exactly the batches it would have had.
 * @throws RangeError when an option is out of range
 */
export function trainingBatches(options: TrainingOptions): TrainingBatches {
  const { source, batchSize, startStep = 0 } = options;
  checkTraining(options);
  const { cacheBytes = DEFAULT_CACHE_BYTES } = options;
  const reader = new ImageReader({ ...options, keep: whatToKeep(options, cacheBytes), cacheBytes });
  const readImage = imageAt(reader, options);
  const ahead = prefetch({
    start: startStep,
    ahead: options.prefetch ?? DEFAULT_PREFETCH,
    make: async (step) => ({ step, images: await readBatch(readImage, step * batchSize, batchSize) }),
    finish: ({ step, images }): Batch => {
      const epoch = Math.floor((step * batchSize) / source.count);
      return { ...toBatch(source, images), epoch, step };
    },
  });
  return {
    next: () => ahead.next(),
    get waited() {
      return ahead.waited;
    },
    damaged: reader.damaged,
    close: () => ahead.close(),
  };
}

/** @throws RangeError when an option is out of range */
export function checkTraining(options: TrainingOptions): void {
  const { view, augment = NO_AUGMENT, prefetch: ahead = DEFAULT_PREFETCH } = options;
  checkBatching(options);
  checkAhead(ahead);
  checkView(drawView(view, augment, 0));
}

/** Resized images in all sizes if there is room for all of them, else those as decoded that are only to be enlarged, if for them. */
function whatToKeep({ source, view, augment = NO_AUGMENT }: TrainingOptions, cacheBytes: number): Keep {
  const [least, most] = shorterSides(view, augment);
  let resized = 0;
  for (let side = least; side <= most; side++) resized += source.count * side ** 2 * view.channels;
  // With one size alone an image is enlarged once, and nobody asks for what it was.
  const decoded = least < most ? source.count * most ** 2 * 3 : 0;
  return { resized: decoded + resized <= cacheBytes, decoded: decoded > 0 && decoded <= cacheBytes };
}

export type SequentialOptions = DamageOptions & {
  readonly source: ReadableImages;
  readonly view: ViewSettings;
  /** The view of one image with a number of 0..views-1; default: the centred square. */
  readonly place?: (index: number, number: number) => View;
  /** Rows an image gives, one after the other; default 1. */
  readonly views?: number;
  /** Rows of a batch. */
  readonly batchSize: number;
  /** Most images to give; default all. */
  readonly limit?: number | undefined;
  /** Batches under way beyond the one in use; default 4. */
  readonly prefetch?: number;
};

/** Batches in the source's order, for one walk; the last may be short: `labels.length` rows are in it. */
export type SequentialBatches = AsyncIterable<ImageBatch> & { readonly damaged: readonly Damaged[] };

/**
 * Every image once, in the source's order, damaged ones left out, read ahead with bounded memory.
 * @throws RangeError when an option is out of range; walking throws DataError as `trainingBatches` does
 */
export function sequentialBatches(options: SequentialOptions): SequentialBatches {
  checkBatching(options);
  const { views = 1 } = options;
  if (!Number.isInteger(views) || views < 1)
    throw new RangeError(`batches: want whole views of 1 or more, got ${views}`);
  checkView(centredView(options.view));
  const reader = new ImageReader(options);
  return { damaged: reader.damaged, [Symbol.asyncIterator]: () => inOrder(reader, options) };
}

type Decoded = { readonly index: number; readonly pixels: Uint8Array };

async function* inOrder(reader: ImageReader, options: SequentialOptions): AsyncGenerator<ImageBatch, void> {
  let images: Decoded[] = [];
  for await (const image of decodedInOrder(reader, options)) {
    images.push(image);
    if (images.length < options.batchSize) continue;
    yield toBatch(options.source, images);
    images = [];
  }
  if (images.length > 0) yield toBatch(options.source, images);
}

async function* decodedInOrder(reader: ImageReader, options: SequentialOptions): AsyncGenerator<Decoded, void> {
  const { source, limit = source.count, views = 1, place = () => centredView(options.view) } = options;
  const placed = (index: number) => Array.from({ length: views }, (_, number) => place(index, number));
  const window = Math.ceil((options.batchSize * (options.prefetch ?? DEFAULT_PREFETCH)) / views); // images
  const underWay: Promise<Uint8Array[] | undefined>[] = [];
  let started = 0;
  let given = 0;
  try {
    for (let index = 0; index < source.count && given < limit; index++) {
      for (; started < source.count && underWay.length < Math.min(window, limit - given); started++)
        underWay.push(quiet(readViews(reader, started, placed(started))));
      const all = await underWay.shift();
      if (!all) continue;
      given++;
      for (const pixels of all) yield { index, pixels };
    }
  } finally {
    await Promise.allSettled(underWay); // a walk that was left early ends with no reading under way
  }
}

/** All views of an image, or undefined when it is damaged, be it for one of them. */
async function readViews(
  reader: ImageReader,
  index: number,
  views: readonly View[],
): Promise<Uint8Array[] | undefined> {
  const all: Uint8Array[] = [];
  for (const view of views) {
    const pixels = await reader.read(index, view);
    if (!pixels) return undefined;
    all.push(pixels);
  }
  return all;
}

/** Reads the image at a position of training, or the first sound one of those that stand in for it. */
function imageAt(reader: ImageReader, options: TrainingOptions): (position: number) => Promise<Decoded> {
  const { source, view, augment = NO_AUGMENT, seed } = options;
  const order = trainingOrder(source.count, seed);
  return async (position) => {
    const { epoch, index: first } = order(position);
    let index = first;
    for (let attempt = 0; ; attempt++) {
      const pixels = await reader.read(index, drawView(view, augment, streamSeed(seed, "augment", epoch, index)));
      if (pixels) return { index, pixels };
      index = rngFrom(streamSeed(seed, "replace", position, attempt)).integer(source.count);
    }
  };
}

function readBatch(read: (position: number) => Promise<Decoded>, first: number, count: number): Promise<Decoded[]> {
  return Promise.all(Array.from({ length: count }, (_, b) => read(first + b)));
}

/** The only copy as floats: images under way stay bytes, a quarter of the memory. */
function toBatch(source: ReadableImages, decoded: readonly Decoded[]): ImageBatch {
  const each = decoded[0]?.pixels.length ?? 0;
  const images = new Float32Array(decoded.length * each);
  for (const [b, { pixels }] of decoded.entries()) fillScaled(images.subarray(b * each, (b + 1) * each), pixels);
  const indices = Int32Array.from(decoded, ({ index }) => index);
  return { images, labels: indices.map((index) => source.label(index)), indices };
}

function fillScaled(out: Float32Array, bytes: Uint8Array): void {
  for (let i = 0; i < bytes.length; i++) out[i] = bytes[i]! / 255;
}
