/** The two token files of `probe`: checked against the VIM and against one another. */
import { DataError, FileError } from "../../lib/errors.js";
import type { TokenFile } from "../../lib/files/tokenFile.js";
import type { VimConfig } from "../../lib/models/vim.js";
import type { LoadedModel } from "../support/models.js";

/** A token file whose rows all have a label. */
export type LabelledTokens = { readonly tokens: TokenFile; readonly labels: Int32Array };

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

/**
 * Labels of both files, which mean the same.
 * @throws FileError when the files are of different tokenizers
 * @throws DataError when a file has no rows or rows without a label, or class names differ
 */
export function labelledPair(train: TokenFile, test: TokenFile): LabelledPair {
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
  expectSeveral(train.path, labels.train);
  const highest = (all: Int32Array) => all.reduce((a, b) => Math.max(a, b), -1);
  const classes = Math.max(names?.length ?? 0, highest(labels.train) + 1, highest(labels.test) + 1);
  return { train: { tokens: train, labels: labels.train }, test: { tokens: test, labels: labels.test }, classes };
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

/** Two classes to tell apart, one of them with a row to spare for choosing the penalty. */
function expectSeveral(path: string, labels: Int32Array): void {
  const classes = new Set(labels).size;
  if (classes < 2 || classes === labels.length)
    throw new DataError(
      `${path}: want two classes or more, and more rows than classes, got ${labels.length} rows of ${classes} classes`,
    );
}

function listed(names: readonly string[]): string {
  return names.length > 6 ? `${names.slice(0, 5).join(", ")} and ${names.length - 5} more` : names.join(", ");
}
