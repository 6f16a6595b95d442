/** What `classify` is given, a token file or images, as batches of codes with names and labels. */
import { existsSync } from "node:fs";
import { sequentialBatches } from "../../lib/data/batches.js";
import type { ImageSource } from "../../lib/data/source.js";
import { centredView } from "../../lib/data/view.js";
import { evenBatch } from "../../lib/engine/evenBatch.js";
import type { Engine } from "../../lib/engine/types.js";
import { FileError, UsageError } from "../../lib/errors.js";
import { expectTokenizer, isTokenFile, openTokenFile, type TokenFile } from "../../lib/files/tokenFile.js";
import type { TokenizerConfig } from "../../lib/models/tokenizer.js";
import type { StoredClassifier } from "../../lib/probe/classifierFile.js";
import { createEncoder } from "../../lib/sample/codec.js";
import type { Reporter } from "../../lib/ui/progress.js";
import type { ClassifyConfig } from "../classify.js";
import { type LoadedModel, type LoadOptions, loadTokenizer } from "../support/models.js";
import { openImages } from "../support/openImages.js";
import { leftOut } from "./damagedImages.js";

/** Some images, n of them. */
export type CodeBatch = {
  readonly names: readonly string[];
  /** Class of each by the data's own count, -1 where unknown. */
  readonly labels: readonly number[];
  /** [n * views * T] */
  readonly codes: Int32Array;
};

export type ClassifyInput = {
  readonly path: string;
  /** Most images there can be. */
  readonly count: number;
  /** Rows of codes an image has, one after the other. */
  readonly views: number;
  /** Names of labels 0, 1, ..., where the data have names. */
  readonly classNames: readonly string[] | undefined;
  batches(engine: Engine, reporter: Reporter): AsyncGenerator<CodeBatch, void>;
  close(): Promise<void>;
};

/**
 * Opens data and, for images, the tokenizer, and checks both against the classifier.
 * @throws DataError when there are no images
 * @throws FileError when codes or tokenizer are not those that the classifier was fitted to
 * @throws UsageError when the tokenizer is unknown
 */
export async function openInput(
  config: ClassifyConfig,
  classifier: StoredClassifier,
  warn: LoadOptions["warn"],
): Promise<ClassifyInput> {
  if (isTokenFile(config.data)) return openTokens(config, classifier);
  const source = await openImages(config.data, { labels: config.labels, warn });
  const tokenizer = await loadTokenizer(tokenizerRun(config, classifier), { checkpoint: config.checkpoint, warn });
  if (tokenizer.hash !== classifier.tokenizer.hash)
    throw new FileError(
      `${tokenizer.stored.file}: not the tokenizer whose codes ${classifier.path} was fitted to; name that one`,
    );
  const count = Math.min(config.limit ?? source.count, source.count);
  return {
    path: source.path,
    count,
    views: 1,
    classNames: source.classNames,
    batches: (engine, reporter) => encoded({ config, classifier, source, count, tokenizer, engine, reporter }),
    close: async () => {},
  };
}

async function openTokens(config: ClassifyConfig, classifier: StoredClassifier): Promise<ClassifyInput> {
  const tokens = await openTokenFile(config.data);
  try {
    expectTokenizer(tokens, classifier.tokenizer.hash);
  } catch (error) {
    await tokens.close();
    throw error;
  }
  const { path, viewsPerImage: views, classNames } = tokens;
  const images = Math.floor(tokens.count / views);
  const count = Math.min(config.limit ?? images, images);
  return { path, count, views, classNames, batches: () => stored(tokens, count, config), close: () => tokens.close() };
}

/** Where the tokenizer is: named, or where it was when the classifier was made. */
function tokenizerRun({ tokenizer: given }: ClassifyConfig, { path, tokenizer }: StoredClassifier): string {
  if (given !== undefined) return given;
  if (tokenizer.run === undefined)
    throw new UsageError(`--tokenizer: ${path} does not say where its tokenizer is; name the run`);
  if (existsSync(tokenizer.run)) return tokenizer.run;
  throw new UsageError(`--tokenizer: ${tokenizer.run}, where the classifier's tokenizer was, is gone; name the run`);
}

async function* stored(tokens: TokenFile, count: number, config: ClassifyConfig): AsyncGenerator<CodeBatch, void> {
  const { viewsPerImage: views, labels } = tokens;
  const batchSize = evenBatch(count, config.batchSize);
  for (let from = 0; from < count; from += batchSize) {
    const numbers = Array.from({ length: Math.min(batchSize, count - from) }, (_, i) => from + i);
    yield {
      names: numbers.map(String),
      labels: numbers.map((i) => labels?.[i * views] ?? -1),
      codes: await tokens.readRange(from * views, numbers.length * views),
    };
  }
}

type Encoding = {
  readonly config: ClassifyConfig;
  readonly classifier: StoredClassifier;
  readonly source: ImageSource;
  readonly count: number;
  readonly tokenizer: LoadedModel<TokenizerConfig>;
  readonly engine: Engine;
  readonly reporter: Reporter;
};

async function* encoded(work: Encoding): AsyncGenerator<CodeBatch, void> {
  const { config, classifier, source, count, tokenizer, engine, reporter } = work;
  const { model, weights } = tokenizer;
  const view = { size: model.imageSize, channels: model.channels };
  const batchSize = evenBatch(count, config.batchSize);
  const encoder = await createEncoder({ engine, model, weights, givesUpWeights: true, batchSize });
  const batches = sequentialBatches({
    source,
    view,
    place: () => centredView(view, config.resize ?? classifier.resize),
    batchSize,
    limit: count,
    strict: config.strict,
    onDamaged: leftOut((warning) => reporter.warn(warning)),
  });
  try {
    for await (const { images, labels, indices } of batches)
      yield {
        names: Array.from(indices, (index) => source.name(index)),
        labels: [...labels],
        codes: await encoder.encode(images),
      };
  } finally {
    await encoder.close();
  }
}
