/** Images to train on: decoded ahead, augmented, and encoded by the frozen tokenizer batch by batch. */
import path from "node:path";
import { sequentialBatches } from "../../lib/data/batches.js";
import { imagesDigest } from "../../lib/data/digest.js";
import { heldOutImages, numbersWithout } from "../../lib/data/holdOut.js";
import { openLoader } from "../../lib/data/loader.js";
import { classesAmong, type NamedClasses } from "../../lib/data/mergedClasses.js";
import type { ImageSource } from "../../lib/data/source.js";
import { spreadPlaces, thinned } from "../../lib/data/thinned.js";
import { centredView } from "../../lib/data/view.js";
import { fastestBatch } from "../../lib/engine/batched.js";
import { evenBatch } from "../../lib/engine/evenBatch.js";
import { DataError, UsageError } from "../../lib/errors.js";
import { expectTokenizer, isTokenFile, openTokenFile, type TokenFile } from "../../lib/files/tokenFile.js";
import { codeGrid, type TokenizerConfig } from "../../lib/models/tokenizer.js";
import { streamSeed } from "../../lib/random.js";
import { createEncoder, type Encoder, encoderPlan } from "../../lib/sample/codec.js";
import { SCORED_ROWS, type Validation } from "../../lib/train/validation.js";
import { augmentOf } from "../support/augment.js";
import { loadTokenizer } from "../support/models.js";
import { openImages } from "../support/openImages.js";
import type { TrainVimConfig } from "../trainVim.js";
import { imageBatchesAhead } from "./batchSplit.js";
import { warnOnce } from "./damagedImages.js";
import type { PriorBatches, PriorData } from "./priorData.js";
import { fileValidation } from "./priorTokens.js";

/** Images that the encoder takes at once, at most. */
const ENCODED_TOGETHER = 32;

type Names = { readonly data: string; readonly tokenizer: string };
type Warn = (message: string) => void;

/** @throws DataError, FileError or UsageError when images or tokenizer cannot be read or do not fit together */
export async function openPriorImages(
  config: TrainVimConfig,
  { data, tokenizer }: Names,
  warn: Warn,
): Promise<PriorData> {
  const all = await openImages(data, { labels: config.labels, warn });
  const loaded = await loadTokenizer(tokenizer);
  const { model, weights, hash } = loaded;
  const { source, held } = split(all, config);
  const validation = await openValidation(config, { all, held, hash, warn });
  const most = evenBatch(config.batchSize, ENCODED_TOGETHER);
  const planOf = (batchSize: number) => encoderPlan({ model, weights, batchSize });
  const { engine: name, device, threads } = config;
  const computing = { name, device, ...(threads === undefined ? {} : { laneThreads: threads }) };
  const together = fastestBatch(computing, most, planOf);
  const { classNames } = all;
  const [imageSize, channels] = [String(model.imageSize), String(model.channels)];
  return {
    told: `${source.count} images from ${data}${held ? `, ${held.count} held out` : ""}, encoded by ${tokenizer}`,
    counts: { images: source.count },
    grid: codeGrid(model),
    vocabulary: model.codebookSize,
    classes: config.unconditional ? 0 : (classNames?.length ?? 0),
    dimensions: model.imageSize ** 2 * model.channels,
    tokenizerHash: hash,
    stored: {
      data: {
        path: path.resolve(data),
        images: all.count,
        digest: imagesDigest(all),
        ...(classNames ? { classNames } : {}),
      },
      tokenizer: { hash, imageSize, channels, resize: config.resize, tokenizer: path.resolve(tokenizer) },
    },
    work: [{ plan: planOf(together), perStep: Math.ceil(config.batchSize / together) }],
    feed: async (engine, reporter) => {
      const encoder = await createEncoder({ engine, model, weights, batchSize: most });
      const reading: Reading = {
        config,
        model,
        encoder,
        prefetch: imageBatchesAhead(engine, { ...model, batchSize: config.batchSize }),
        onDamaged: warnOnce((text) => reporter.warn(text)),
      };
      return {
        validation: await validation.read(reading),
        batches: (startStep) => encodedBatches(source, reading, startStep),
        close: () => encoder.close(),
      };
    },
    close: validation.close,
  };
}

type Reading = {
  readonly config: TrainVimConfig;
  readonly model: TokenizerConfig;
  readonly encoder: Encoder;
  /** Batches of images under way. */
  readonly prefetch: number;
  readonly onDamaged: ReturnType<typeof warnOnce>;
};

/** Batches as the trainer takes them; what an image becomes depends on seed, epoch and image alone. */
function encodedBatches(source: ImageSource, reading: Reading, startStep: number) {
  const { config, model, encoder, prefetch, onDamaged } = reading;
  const images = openLoader({
    source,
    view: { size: model.imageSize, channels: model.channels },
    augment: augmentOf(config),
    batchSize: config.batchSize,
    seed: config.seed,
    startStep,
    strict: config.strict,
    prefetch,
    onDamaged: onDamaged(source),
  });
  let encodeSeconds = 0;
  const batches: PriorBatches = {
    next: async () => {
      const batch = await images.next();
      const began = performance.now();
      const codes = await encoder.encode(batch.images);
      encodeSeconds += (performance.now() - began) / 1000;
      return { codes, labels: batch.labels };
    },
    get waited() {
      return images.waited;
    },
    get spent() {
      return { encodeShare: encodeSeconds };
    },
    get facts() {
      return { damaged: images.damaged.length, encodeSeconds };
    },
    close: () => images.close(),
  };
  return batches;
}

/** The images to train on, and with `--hold-out` those that are not. */
function split(all: ImageSource, { holdOut, seed }: TrainVimConfig): { source: ImageSource; held?: ImageSource } {
  if (holdOut === undefined) return { source: all };
  try {
    const held = heldOutImages(all.count, holdOut, streamSeed(seed, "holdOut", 0));
    const place = numbersWithout(held.toSorted());
    const kept = Uint32Array.from({ length: all.count - held.length }, (_, i) => place(i));
    return { source: thinned(all, kept), held: thinned(all, held) };
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`--hold-out: ${all.path} has ${all.count} images, and none would be left to train on`);
  }
}

type Opened = { read: (reading: Reading) => Promise<Validation | undefined>; close: () => Promise<void> };
type Known = {
  readonly all: ImageSource;
  readonly held: ImageSource | undefined;
  readonly hash: string;
  readonly warn: Warn;
};

/** Opens `--val`, a token file or images, or takes what is held out; images are encoded once, when read. */
async function openValidation(
  { val, unconditional }: TrainVimConfig,
  { all, held, hash, warn }: Known,
): Promise<Opened> {
  const close = async () => {};
  const known = unconditional ? { path: all.path } : all;
  if (val !== undefined && isTokenFile(val)) {
    const tokens = await openTokenFile(val);
    const validation = await checkedFile(tokens, { known, hash });
    return { read: async () => validation, close: () => tokens.close() };
  }
  const source = val === undefined ? held : await openImages(val, { warn });
  if (!source) return { read: async () => undefined, close };
  const classes = classesAmong(known, source);
  const on = val === undefined ? `${source.count} images held out` : `${path.resolve(val)}, ${source.count} images`;
  return { read: (reading) => encodedOnce(source, { reading, classes, on }), close };
}

/** A token file of the right tokenizer; closed if it is not one. */
async function checkedFile(
  tokens: TokenFile,
  { known, hash }: { known: NamedClasses; hash: string },
): Promise<Validation> {
  try {
    expectTokenizer(tokens, hash);
    if (tokens.count === 0) throw new DataError(`${tokens.path}: it has no rows; encode some images`);
    return fileValidation(tokens, known);
  } catch (error) {
    await tokens.close();
    throw error;
  }
}

type Once = { readonly reading: Reading; readonly classes: Int32Array | undefined; readonly on: string };

/** Codes of images from all over a source, as they are without augmentation. */
async function encodedOnce(source: ImageSource, { reading, classes, on }: Once): Promise<Validation> {
  const { config, model, encoder, onDamaged } = reading;
  const view = { size: model.imageSize, channels: model.channels };
  const batches = sequentialBatches({
    source: thinned(source, spreadPlaces(SCORED_ROWS, source.count)),
    view,
    place: () => centredView(view, config.resize),
    batchSize: evenBatch(config.batchSize, ENCODED_TOGETHER),
    strict: config.strict,
    onDamaged: onDamaged(source),
  });
  const [codes, labels]: [Int32Array[], number[]] = [[], []];
  const [rows, columns] = codeGrid(model);
  const T = rows * columns;
  for await (const batch of batches) {
    const made = await encoder.encode(batch.images);
    for (let b = 0; b < batch.labels.length; b++) codes.push(made.slice(b * T, (b + 1) * T));
    for (const label of batch.labels) labels.push(classes ? (classes[label] ?? -1) : label);
  }
  return {
    count: codes.length,
    on,
    read: async (wanted) => {
      const all = new Int32Array(wanted.length * T);
      for (const [i, row] of wanted.entries()) all.set(codes[row]!, i * T);
      return { codes: all, labels: wanted.map((row) => labels[row]!) };
    },
  };
}
