/** The work of `encode`: images in, token file out, one batch in memory at a time. */
import { existsSync } from "node:fs";
import path from "node:path";
import { sequentialBatches } from "../../lib/data/batches.js";
import { readClassNames } from "../../lib/data/classNames.js";
import { type ImageSource, openSource } from "../../lib/data/source.js";
import { centredView } from "../../lib/data/view.js";
import { openEngine } from "../../lib/engine/open.js";
import { UsageError } from "../../lib/errors.js";
import { createTokenFile } from "../../lib/files/tokenWriter.js";
import { countCodebookUsage } from "../../lib/metrics/codebookUsage.js";
import { codeGrid } from "../../lib/models/tokenizer.js";
import { createEncoder } from "../../lib/sample/codec.js";
import { formatInteger, formatPercent } from "../../lib/ui/format.js";
import type { options } from "../encode.js";
import type { CommandContext } from "../support/command.js";
import { loadTokenizer } from "../support/models.js";
import { openReporter } from "../support/reporter.js";

type Context = CommandContext<typeof options>;

export async function run(context: Context): Promise<void> {
  const { config, force, dryRun, result } = context;
  if (existsSync(config.out) && !force && !dryRun)
    throw new UsageError(`${config.out} exists; --force replaces it, or name another file`);
  const source = await openSource(config.data, config.labels === undefined ? {} : { labels: config.labels });
  const tokenizer = await loadTokenizer(config.tokenizer, { checkpoint: config.checkpoint });
  const images = Math.min(config.limit ?? source.count, source.count);
  const [rows, columns] = codeGrid(tokenizer.model);
  if (dryRun)
    return result(
      { dryRun: true, images, tokensPerImage: rows * columns },
      `would encode ${formatInteger(images)} images to ${rows * columns} codes each`,
    );
  const reporter = await openReporter(context);
  try {
    const engine = await openEngine(config.engine, config.threads === undefined ? {} : { threads: config.threads });
    const encoder = await createEncoder({ engine, ...tokenizer, batchSize: config.batchSize });
    const classNames = await classNamesOf(source, config.classNames);
    const file = await createTokenFile(config.out, header(context, { source, tokenizer, classNames }));
    try {
      const bar = reporter.bar({ total: images, unit: "images", label: "encoding" });
      const usage = countCodebookUsage({ codebookSize: tokenizer.model.codebookSize });
      const batches = sequentialBatches({
        source,
        view: { size: tokenizer.model.imageSize, channels: tokenizer.model.channels },
        place: () =>
          centredView({ size: tokenizer.model.imageSize, channels: tokenizer.model.channels }, config.resize),
        batchSize: config.batchSize,
        limit: images,
        strict: config.strict,
        onDamaged: (name, reason) => reporter.warn(`${name}: left out: ${reason}`),
      });
      for await (const batch of batches) {
        const codes = await encoder.encode(batch.images);
        usage.add(codes, batch.labels.length);
        await file.append(codes, source.classNames ? batch.labels : undefined);
        bar.update(file.count);
      }
      bar.stop();
      await file.finish();
      const { batchUsage, setUsage, perplexity } = usage.result();
      const counts = {
        file: config.out,
        images: file.count,
        damaged: batches.damaged.length,
        tokensPerImage: rows * columns,
      };
      result(
        {
          ...counts,
          vocabulary: tokenizer.model.codebookSize,
          usage: setUsage,
          batchUsage,
          perplexity,
          tokenizer: tokenizer.hash,
        },
        `${config.out}: ${formatInteger(file.count)} rows of ${rows * columns} codes; ` +
          `usage ${formatPercent(setUsage)} of ${tokenizer.model.codebookSize} codes ` +
          `(${formatPercent(batchUsage)} in 256 images), perplexity ${perplexity.toFixed(1)}`,
      );
    } catch (error) {
      await file.abort();
      throw error;
    } finally {
      await encoder.close();
    }
  } finally {
    reporter.stop();
  }
}

type Tokenizer = Awaited<ReturnType<typeof loadTokenizer>>;

type Parts = { source: ImageSource; tokenizer: Tokenizer; classNames: readonly string[] | undefined };

function header({ config }: Context, { source, tokenizer, classNames }: Parts) {
  const { model, hash } = tokenizer;
  return {
    vocabulary: model.codebookSize,
    grid: codeGrid(model),
    tokenizerHash: hash,
    ...(classNames ? { classNames } : {}),
    source: path.resolve(source.path),
    viewsPerImage: 1,
    extra: {
      imageSize: String(model.imageSize),
      channels: String(model.channels),
      resize: config.resize,
      tokenizer: path.resolve(config.tokenizer),
    },
  };
}

/** The names given, else the source's own. */
async function classNamesOf(source: ImageSource, file: string | undefined): Promise<readonly string[] | undefined> {
  if (file === undefined) return source.classNames;
  if (!source.classNames) throw new UsageError(`--class-names: ${source.path} has no labels to name`);
  return readClassNames(file, source.classNames.length);
}
