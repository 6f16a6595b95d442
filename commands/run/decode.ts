/** The work of `decode`: token file in, PNGs or a grid out. */
import path from "node:path";
import { evenBatch } from "../../lib/engine/evenBatch.js";
import { UsageError } from "../../lib/errors.js";
import { makeFolder, writeAtomically } from "../../lib/files/atomic.js";
import { expectTokenizer, openTokenFile, type TokenFile } from "../../lib/files/tokenFile.js";
import { createDecoder } from "../../lib/sample/codec.js";
import { encodePng, MOST_PIXELS } from "../../lib/ui/canvas.js";
import { formatInteger } from "../../lib/ui/format.js";
import { imageGrid, rowsWithin } from "../../lib/ui/imageGrid.js";
import { isPicture, type options } from "../decode.js";
import type { CommandContext } from "../support/command.js";
import { engineOf } from "../support/engine.js";
import { numberedName, removeNumbered, writeImage } from "../support/images.js";
import { loadTokenizer } from "../support/models.js";
import { expectFilePlace, expectFolderPlace } from "../support/places.js";
import { openReporter } from "../support/reporter.js";
import { loadDecoder } from "./otherDecoder.js";

type Context = CommandContext<typeof options>;

const GRID_LIMIT = 64;

export async function run(context: Context): Promise<void> {
  const { config, force, warn } = context;
  const grid = isPicture(config.out);
  if (grid) await expectFilePlace("--out", config.out, { force });
  else await expectFolderPlace("--out", config.out, { force });
  const tokens = await openTokenFile(config.tokens);
  const reporter = await openReporter(context);
  try {
    const options = { checkpoint: config.checkpoint, warn };
    const maker = await loadTokenizer(tokenizerOf(tokens, config.tokenizer), options);
    expectTokenizer(tokens, maker.hash);
    const tokenizer = await loadDecoder(config.decoder, maker, options);
    const count = rowsToDecode(config, tokens, grid);
    const { imageSize, channels } = tokenizer.model;
    const size = { height: imageSize, width: imageSize, channels };
    if (grid) expectDrawable(count, { columns: Math.min(config.columns, count), size });
    const engine = await engineOf(config);
    const batchSize = evenBatch(count, config.batchSize);
    const decoder = await createDecoder({ engine, ...tokenizer, givesUpWeights: true, batchSize });
    const bar = reporter.bar({ total: count, unit: "images", label: "decoding" });
    const pixels = imageSize ** 2 * channels;
    const all = new Float32Array(grid ? count * pixels : 0);
    if (!grid) await makeFolder(config.out);
    for (let done = 0; done < count; done += batchSize) {
      const rows = Math.min(batchSize, count - done);
      const images = await decoder.decode(await tokens.readRange(config.from + done, rows));
      if (!grid && done === 0) await removeNumbered(config.out);
      if (grid) all.set(images, done * pixels);
      else await writeAll(images, { rows, first: config.from + done, folder: config.out, size });
      bar.update(done + rows);
    }
    bar.stop();
    await decoder.close();
    if (grid)
      await writeAtomically(config.out, await encodePng(imageGrid({ images: all, size, columns: config.columns })));
    context.result({ out: config.out, images: count, grid }, `${config.out}: ${count} images`);
  } finally {
    reporter.stop();
    await tokens.close();
  }
}

function rowsToDecode({ from, limit }: Context["config"], tokens: TokenFile, grid: boolean): number {
  if (from >= tokens.count)
    throw new UsageError(`--from: want a row below ${tokens.count}, the rows in ${tokens.path}, got ${from}`);
  return Math.min(limit ?? (grid ? GRID_LIMIT : tokens.count), tokens.count - from);
}

/** @throws UsageError when a grid of so many images is larger than a picture can be */
function expectDrawable(count: number, { columns, size }: { columns: number; size: Size }): void {
  const most = columns * rowsWithin(MOST_PIXELS, { columns, size });
  if (count <= most) return;
  throw new UsageError(
    `--out: a grid of ${formatInteger(count)} images of ${size.width} x ${size.height} pixels in ${columns} columns is ` +
      `larger than a picture can be; want ${most > 0 ? `a --limit of at most ${most}` : "fewer --columns"}, or a folder`,
  );
}

/** The tokenizer to use: the one given, else the one that the file names. */
function tokenizerOf(tokens: TokenFile, given: string | undefined): string {
  const named = given ?? tokens.extra["tokenizer"];
  if (named !== undefined) return named;
  throw new UsageError(`--tokenizer: ${tokens.path} does not say where its tokenizer is; name the run that made it`);
}

type Size = { height: number; width: number; channels: 1 | 3 };

async function writeAll(
  images: Float32Array,
  { rows, first, folder, size }: { rows: number; first: number; folder: string; size: Size },
): Promise<void> {
  const pixels = images.length / rows;
  for (let i = 0; i < rows; i++)
    await writeImage(path.join(folder, numberedName(first + i)), images.subarray(i * pixels, (i + 1) * pixels), size);
}
