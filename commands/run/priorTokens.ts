/** Token files to train on: opened, found to belong together, merged. */
import path from "node:path";
import { codesDigest } from "../../lib/data/digest.js";
import { heldOutImages } from "../../lib/data/holdOut.js";
import { classesAmong, type MergedClasses, mergeClasses, type NamedClasses } from "../../lib/data/mergedClasses.js";
import { heldOutRows, readPicks, type TokenPart } from "../../lib/data/tokenMixture.js";
import { tokenBatches } from "../../lib/data/tokens.js";
import { DataError, FileError, UsageError } from "../../lib/errors.js";
import { openTokenFile, type TokenFile } from "../../lib/files/tokenFile.js";
import { streamSeed } from "../../lib/random.js";
import type { Validation } from "../../lib/train/validation.js";
import { imageDimensions } from "../support/dimensions.js";
import type { TrainVimConfig } from "../trainVim.js";
import type { PriorData } from "./priorData.js";

type Files = readonly [TokenFile, ...TokenFile[]];

/** @throws FileError, DataError or UsageError when files are damaged or do not fit together; none stays open then */
export async function openPriorTokens(
  config: TrainVimConfig,
  paths: readonly [string, ...string[]],
): Promise<PriorData> {
  const opened: TokenFile[] = [];
  const open = async (file: string): Promise<TokenFile> => {
    const tokens = await openTokenFile(file);
    opened.push(tokens);
    return tokens;
  };
  const close = async () => {
    for (const file of opened) await file.close();
  };
  try {
    const files: [TokenFile, ...TokenFile[]] = [await open(paths[0])];
    for (const file of paths.slice(1)) files.push(await open(file));
    const validation = config.val === undefined ? undefined : await open(config.val);
    for (const file of opened) expectFits(files[0], file);
    const digests: string[] = [];
    for (const file of files) digests.push(await codesDigest(file));
    return { ...priorTokens(config, { files, digests, validation }), close };
  } catch (error) {
    await close();
    throw error;
  }
}

type Opened = {
  readonly files: Files;
  /** Of each of the files. */
  readonly digests: readonly string[];
  readonly validation: TokenFile | undefined;
};

function priorTokens(config: TrainVimConfig, { files, digests, validation }: Opened) {
  const { weights, holdOut, unconditional, batchSize, seed } = config;
  if (weights && weights.length !== files.length)
    throw new UsageError(`--weights: want one for each of ${files.length} token files, got ${weights.length}`);
  const [first] = files;
  const merged = unconditional ? unmerged(files) : mergeClasses(files);
  const parts = files.map((tokens, i) => ({
    tokens,
    classes: merged.maps[i],
    held: heldOut(tokens, holdOut, [seed, i]),
  }));
  const scored = validation
    ? fileValidation(validation, { path: first.path, classNames: unconditional ? undefined : merged.classNames })
    : heldOutValidation(parts, holdOut);
  const rows = files.reduce((sum, { count }) => sum + count, 0);
  const [rowsDown, columns] = first.grid;
  return {
    told: `${rows} rows of ${rowsDown * columns} codes from ${files.map(({ path }) => path).join(", ")}${heldTold(parts)}`,
    counts: { rows },
    grid: first.grid,
    vocabulary: first.vocabulary,
    classes: unconditional ? 0 : classCount(files, merged.classNames),
    dimensions: imageDimensions(first) ?? first.tokensPerImage,
    tokenizerHash: first.tokenizerHash,
    stored: {
      data: storedFiles(files, digests, merged.classNames),
      tokenizer: storedTokenizer(first),
    },
    work: [],
    feed: async () => ({
      validation: scored,
      batches: (startStep: number) => {
        const batches = tokenBatches({ parts, weights, batchSize, seed, startStep });
        return {
          next: () => batches.next(),
          get waited() {
            return batches.waited;
          },
          spent: {},
          facts: {},
          close: () => batches.close(),
        };
      },
      close: async () => {},
    }),
  };
}

/** Labels as they are: nobody looks at them. */
const unmerged = (files: Files): MergedClasses => ({ classNames: files[0].classNames, maps: [] });

function expectFits(first: TokenFile, file: TokenFile): void {
  const { count, viewsPerImage: views } = file;
  if (first.tokenizerHash !== file.tokenizerHash)
    throw new FileError(
      `${file.path}: its codes are of another tokenizer than those of ${first.path}; encode both with the same run`,
    );
  const size = ({ grid, vocabulary }: TokenFile) => `${grid.join(" x ")} codes of ${vocabulary}`;
  if (size(first) !== size(file))
    throw new FileError(
      `${file.path}: want ${size(first)} as in ${first.path}, got ${size(file)}; encode both with the same run`,
    );
  if (count === 0) throw new DataError(`${file.path}: it has no rows; encode some images`);
  if (count % views !== 0)
    throw new FileError(`${file.path}: want ${views} rows for each image, got ${count} rows; encode the images again`);
}

function heldOut(tokens: TokenFile, share: number | undefined, [seed, part]: readonly [seed: number, part: number]) {
  if (share === undefined) return undefined;
  const images = tokens.count / tokens.viewsPerImage;
  try {
    return heldOutImages(images, share, streamSeed(seed, "holdOut", part));
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`--hold-out: ${tokens.path} has ${images} images, and none would be left to train on`);
  }
}

export function fileValidation(tokens: TokenFile, known: NamedClasses): Validation {
  const part = { tokens, classes: classesAmong(known, tokens) };
  return {
    count: tokens.count,
    on: `${path.resolve(tokens.path)}, ${tokens.count} rows`,
    read: (rows) =>
      readPicks(
        [part],
        Array.from(rows, (row) => ({ part: 0, row })),
      ),
  };
}

function heldOutValidation(parts: readonly TokenPart[], share: number | undefined): Validation | undefined {
  if (share === undefined) return undefined;
  const { count, at } = heldOutRows(parts);
  return {
    count,
    on: `${count} rows held out`,
    read: (rows) => readPicks(parts, Array.from(rows, at)),
  };
}

function heldTold(parts: readonly TokenPart[]): string {
  const images = parts.reduce((sum, { held }) => sum + (held?.length ?? 0), 0);
  return images > 0 ? `, ${images} images held out` : "";
}

function classCount(files: Files, classNames: readonly string[] | undefined): number {
  if (files.every(({ labels }) => !labels)) return 0;
  const highest = (file: TokenFile) => file.labels?.reduce((a, b) => Math.max(a, b), -1) ?? -1;
  const odd =
    files.length > 1 && classNames ? files.find((file) => highest(file) >= file.classNames!.length) : undefined;
  if (odd)
    throw new DataError(
      `${odd.path}: want labels up to ${odd.classNames!.length - 1}, those of its class names, got ${highest(odd)}`,
    );
  return Math.max(classNames?.length ?? 0, ...files.map((file) => highest(file) + 1));
}

/** Of each file where it lies and how its views were made, beside the classes of all. */
function storedFiles(files: Files, digests: readonly string[], classNames: readonly string[] | undefined) {
  const each = files.map(({ path: file, count: rows, source, viewsPerImage, extra: { augmentation } }, i) => {
    const views = viewsPerImage === 1 ? {} : { viewsPerImage, ...(augmentation === undefined ? {} : { augmentation }) };
    return { path: path.resolve(file), rows, digest: digests[i]!, ...views, source };
  });
  const named = classNames ? { classNames } : {};
  return each.length === 1 ? { ...each[0], ...named } : { files: each, ...named };
}

/** How codes were made of images, as far as it holds for every view of them. */
function storedTokenizer({ tokenizerHash, extra: { augmentation: _, ...made } }: TokenFile) {
  return { hash: tokenizerHash, ...made };
}
