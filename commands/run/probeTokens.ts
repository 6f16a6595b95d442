/** The two token files of `probe`: checked against the VIM and against one another. */
import { DataError, FileError } from "../../lib/errors.js";
import type { TokenFile } from "../../lib/files/tokenFile.js";
import type { VimConfig } from "../../lib/models/vim.js";
import type { CodeRows } from "../../lib/probe/features.js";
import { imageLabels } from "../../lib/probe/views.js";
import type { LoadedModel } from "../support/models.js";

/** A token file whose rows all have a label, and which of them are used. */
export type LabelledTokens = {
  readonly tokens: TokenFile;
  readonly images: number;
  /** Rows used of each image, one after the other in `rows`. */
  readonly views: number;
  readonly rows: CodeRows;
  /** Label of each of those rows. */
  readonly labels: Int32Array;
};

export type LabelledPair = {
  readonly train: LabelledTokens;
  readonly test: LabelledTokens;
  /** Labels are 0..classes-1. */
  readonly classes: number;
};

/**
 * Refuses codes that the VIM was not made for.
 * @throws FileError when vocabulary, grid or tokenizer differ
 */
export function expectModel(tokens: TokenFile, { model, stored }: LoadedModel<VimConfig>): void {
  const shapeOf = (grid: readonly number[], vocabulary: number) => `${grid.join(" x ")} codes out of ${vocabulary}`;
  const [wanted, got] = [shapeOf(model.grid, model.vocabulary), shapeOf(tokens.grid, tokens.vocabulary)];
  if (wanted !== got)
    throw new FileError(`${tokens.path}: the VIM ${stored.file} wants ${wanted} an image, got ${got}`);
  const { hash } = (stored.config["tokenizer"] ?? {}) as { hash?: unknown };
  if (typeof hash === "string" && hash !== tokens.tokenizerHash)
    throw new FileError(
      `${tokens.path}: its codes are of another tokenizer than the one ${stored.file} was trained on; ` +
        "encode the images with that one",
    );
}

/** Which files are used by the first view of each image alone. */
export type FirstViews = { readonly train: boolean; readonly test: boolean };

/**
 * Rows and labels of both files, which mean the same.
 * @throws FileError when the files are of different tokenizers, or the views of an image are not all there
 * @throws DataError when a file has no rows or rows without a label, or class names differ
 */
export function labelledPair(
  train: TokenFile,
  test: TokenFile,
  first: FirstViews = { train: false, test: false },
): LabelledPair {
  if (train.tokenizerHash !== test.tokenizerHash)
    throw new FileError(
      `${test.path}: its codes are of another tokenizer than those of ${train.path}; encode both with the same run`,
    );
  const [names, others] = [train.classNames, test.classNames];
  if (names && others && JSON.stringify(names) !== JSON.stringify(others))
    throw new DataError(
      `${test.path}: its classes (${listed(others)}) are not those of ${train.path} (${listed(names)}); ` +
        "encode both from folders with the same class names",
    );
  const labels = { train: labelsOf(train), test: labelsOf(test) };
  const pair = { train: rowsOf(train, labels.train, first.train), test: rowsOf(test, labels.test, first.test) };
  expectSeveral(train.path, imageLabels(labels.train, train.viewsPerImage));
  const highest = (all: Int32Array) => all.reduce((a, b) => Math.max(a, b), -1);
  const classes = Math.max(names?.length ?? 0, highest(labels.train) + 1, highest(labels.test) + 1);
  return { ...pair, classes };
}

/** A name for each class: those of the files, else numbers. */
export function classNamesOf({ train, test, classes }: LabelledPair): string[] {
  const names = train.tokens.classNames ?? test.tokens.classNames ?? [];
  return Array.from({ length: classes }, (_, i) => names[i] ?? String(i));
}

/** All rows of a file, or the first of each image. */
function rowsOf(tokens: TokenFile, labels: Int32Array, first: boolean): LabelledTokens {
  const { count, viewsPerImage: views } = tokens;
  const images = count / views;
  if (!Number.isInteger(images))
    throw new FileError(
      `${tokens.path}: want ${views} rows for each image, got ${count} rows; encode the images again`,
    );
  const odd = labels.findIndex((label, row) => label !== labels[row - (row % views)]);
  if (odd >= 0)
    throw new FileError(
      `${tokens.path}: rows ${odd - (odd % views)} and ${odd} are of one image and have the labels ` +
        `${labels[odd - (odd % views)]} and ${labels[odd]}; encode the images again`,
    );
  if (!first || views === 1) return { tokens, images, views, rows: tokens, labels };
  const readRange = (from: number, some: number) =>
    tokens.read(Int32Array.from({ length: some }, (_, i) => (from + i) * views));
  return { tokens, images, views: 1, rows: { count: images, readRange }, labels: imageLabels(labels, views) };
}

function labelsOf({ path, count, labels }: TokenFile): Int32Array {
  if (count === 0) throw new DataError(`${path}: it has no rows; encode some images`);
  const unknown = labels ? labels.findIndex((label) => label < 0) : 0;
  if (labels && unknown < 0) return labels;
  throw new DataError(
    `${path}: ${labels ? `row ${unknown} has no label` : "it has no labels"}, and a probe learns to tell them; ` +
      "encode class folders, or an IDX file with --labels",
  );
}

/** Two classes to tell apart, one of them with an image to spare for choosing the penalty. */
function expectSeveral(path: string, labels: Int32Array): void {
  const classes = new Set(labels).size;
  if (classes < 2 || classes === labels.length)
    throw new DataError(
      `${path}: want two classes or more, and more images than classes, got ${labels.length} images of ${classes} classes`,
    );
}

function listed(names: readonly string[]): string {
  return names.length > 6 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ");
}
