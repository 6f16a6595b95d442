/** The work of `encode`: images in, token file out, one batch in memory at a time. */
import path from "node:path";
import type { Augment } from "../../lib/data/augment.js";
import { sequentialBatches } from "../../lib/data/batches.js";
import { readClassNames } from "../../lib/data/classNames.js";
import { imageViews } from "../../lib/data/imageViews.js";
import type { ImageSource } from "../../lib/data/source.js";
import { evenBatch } from "../../lib/engine/evenBatch.js";
import { UsageError } from "../../lib/errors.js";
import { createTokenFile, type TokenFileWriter } from "../../lib/files/tokenWriter.js";
import { type CodebookUsage, countCodebookUsage } from "../../lib/metrics/codebookUsage.js";
import { codeGrid, codesPerImage } from "../../lib/models/tokenizer.js";
import { createEncoder, type Encoder } from "../../lib/sample/codec.js";
import { formatInteger, formatPercent } from "../../lib/ui/format.js";
import type { Reporter } from "../../lib/ui/progress.js";
import type { options } from "../encode.js";
import { augmentOf } from "../support/augment.js";
import type { CommandContext } from "../support/command.js";
import { engineOf } from "../support/engine.js";
import { loadTokenizer } from "../support/models.js";
import { openImages } from "../support/openImages.js";
import { expectFilePlace } from "../support/places.js";
import { openReporter } from "../support/reporter.js";
import { leftOut } from "./damagedImages.js";
import { augmentationOf, expectDifferentViews, watchViews } from "./encodeViews.js";

type Context = CommandContext<typeof options>;

export async function run(context: Context): Promise<void> {
  const { config, force, dryRun, result, warn } = context;
  expectDifferentViews(config);
  const augment = augmentOf(config);
  if (!dryRun) await expectFilePlace("--out", config.out, { force });
  const source = await openImages(config.data, { labels: config.labels, warn });
  const tokenizer = await loadTokenizer(config.tokenizer, { checkpoint: config.checkpoint, warn });
  const images = Math.min(config.limit ?? source.count, source.count);
  const tokensPerImage = codesPerImage(tokenizer.model);
  const rows = config.views === 1 ? {} : { views: config.views, rows: config.views * images };
  if (dryRun)
    return result(
      { dryRun: true, images, ...rows, tokensPerImage },
      `would encode ${formatInteger(images)} images to ${tokensPerImage} codes each` +
        (rows.views ? `, in ${rows.views} views: ${formatInteger(rows.rows)} rows` : ""),
    );
  const reporter = await openReporter(context);
  try {
    const engine = await engineOf(config);
    const batchSize = evenBatch(config.views * images, config.batchSize);
    const encoder = await createEncoder({ engine, ...tokenizer, givesUpWeights: true, batchSize });
    try {
      const classNames = await classNamesOf(source, config.classNames);
      const file = await createTokenFile(config.out, header(context, { source, tokenizer, classNames }));
      const work = { source, tokenizer, images, augment, encoder, batchSize, file, reporter };
      const { usage, damaged } = await encodeAll(context, work);
      report(context, { tokenizer, rows: file.count, damaged, usage });
    } finally {
      await encoder.close();
    }
  } finally {
    reporter.stop();
  }
}

type Tokenizer = Awaited<ReturnType<typeof loadTokenizer>>;

export type EncodeWork = {
  source: ImageSource;
  tokenizer: Pick<Tokenizer, "model">;
  /** Most images to encode. */
  images: number;
  augment: Augment;
  encoder: Encoder;
  /** Rows that it takes at once. */
  batchSize: number;
  file: TokenFileWriter;
  reporter: Pick<Reporter, "bar" | "warn">;
};

export type EncodeSettings = { config: Pick<Context["config"], "views" | "seed" | "strict"> };

/**
 * Encodes every view of every image into the file, which is finished, or gone where that fails.
 * @throws DataError when an image is damaged and `strict`, or all are; FileError when the file cannot be written
 */
export async function encodeAll(
  { config }: EncodeSettings,
  { source, tokenizer, images, augment, encoder, batchSize, file, reporter }: EncodeWork,
) {
  const { imageSize, channels, codebookSize } = tokenizer.model;
  const { views, seed, strict } = config;
  const view = { size: imageSize, channels };
  try {
    const bar = reporter.bar({ total: images, unit: "images", label: "encoding" });
    const usage = countCodebookUsage({ codebookSize });
    const watch = watchViews({ views, tokens: codesPerImage(tokenizer.model) });
    const place = imageViews(view, { augment, seed });
    const onDamaged = leftOut((warning) => reporter.warn(warning));
    const batches = sequentialBatches({ source, view, place, views, batchSize, limit: images, strict, onDamaged });
    for await (const batch of batches) {
      const codes = await encoder.encode(batch.images);
      usage.add(codes, batch.labels.length);
      watch.add(codes);
      await file.append(codes, source.classNames ? batch.labels : undefined);
      bar.update(Math.floor(file.count / views));
    }
    bar.stop();
    await file.finish();
    if (views > 1 && !watch.differ)
      reporter.warn(
        "all views of an image have the same codes; where images are square, crops want --crop-scale above 1",
      );
    return { usage: usage.result(), damaged: batches.damaged.length };
  } catch (error) {
    await file.abort();
    throw error;
  }
}

type Done = { tokenizer: Tokenizer; rows: number; damaged: number; usage: CodebookUsage };

function report({ config, result }: Context, { tokenizer, rows, damaged, usage }: Done): void {
  const { codebookSize: vocabulary } = tokenizer.model;
  const { setUsage, batchUsage, batchImages, perplexity } = usage;
  const { out: file, views } = config;
  const tokensPerImage = codesPerImage(tokenizer.model);
  const images = rows / views;
  const counts = { file, images, ...(views === 1 ? {} : { views, rows }), damaged, tokensPerImage };
  const several = views === 1 ? "" : `, ${views} of each of ${formatInteger(images)} images`;
  result(
    { ...counts, vocabulary, usage: setUsage, batchUsage, perplexity, tokenizer: tokenizer.hash },
    `${file}: ${formatInteger(rows)} rows of ${tokensPerImage} codes${several}; ` +
      `usage ${formatPercent(setUsage)} of ${vocabulary} codes ` +
      `(${formatPercent(batchUsage)} in ${batchImages} ${views === 1 ? "images" : "rows"}), ` +
      `perplexity ${perplexity.toFixed(1)}`,
  );
}

type Parts = { source: ImageSource; tokenizer: Tokenizer; classNames: readonly string[] | undefined };

function header({ config }: Context, { source, tokenizer, classNames }: Parts) {
  const { model, hash } = tokenizer;
  return {
    vocabulary: model.codebookSize,
    grid: codeGrid(model),
    tokenizerHash: hash,
    ...(classNames ? { classNames } : {}),
    source: path.resolve(source.path),
    viewsPerImage: config.views,
    extra: {
      imageSize: String(model.imageSize),
      channels: String(model.channels),
      resize: config.resize,
      tokenizer: path.resolve(config.tokenizer),
      ...(config.views === 1 ? {} : { augmentation: augmentationOf(config) }),
    },
  };
}

/** The names given, else the source's own. */
async function classNamesOf(source: ImageSource, file: string | undefined): Promise<readonly string[] | undefined> {
  if (file === undefined) return source.classNames;
  if (!source.classNames) throw new UsageError(`--class-names: ${source.path} has no labels to name`);
  return readClassNames(file, source.classNames.length);
}
