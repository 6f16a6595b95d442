/** What rejection sampling asks of a classifier, whatever it looks at. */
import type { Engine } from "../../lib/engine/types.js";
import { UsageError } from "../../lib/errors.js";
import type { TokenizerConfig } from "../../lib/models/tokenizer.js";
import type { LoadedModel } from "../support/models.js";

/** A classifier that is more or less sure of an image's class. */
export type Judge = {
  /** What index.json says of it. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** Probability of each image's own class, [N], of codes [N, T]. */
  confidences(drawn: JudgedImages, tools: Judging): Promise<Float32Array>;
};

export type JudgedImages = { readonly codes: Int32Array; readonly classIds: readonly number[] };

export type Judging = {
  readonly engine: Engine;
  /** What makes images of codes. */
  readonly decoder: LoadedModel<TokenizerConfig>;
  /** Sequences in a run of a classifier of codes, and images in one of the decoder. */
  readonly batch: { readonly draw: number; readonly decode: number };
};

export type Asked = {
  readonly rejectWith: string;
  /** Where the VIM of a classifier of codes is, if no longer at the place that the classifier names. */
  readonly rejectVim?: string | undefined;
  readonly classifierSpec?: string | undefined;
  readonly threads?: number | undefined;
};

export type Wanted = {
  readonly classNames: readonly string[];
  /** Classes that are to be drawn. */
  readonly classIds: readonly number[];
  readonly tokenizerHash: string;
};

/** Names of the classes that are to be drawn. */
export const wantedNames = ({ classNames, classIds }: Pick<Wanted, "classNames" | "classIds">): string[] =>
  classIds.map((id) => classNames[id]!);

/** @throws UsageError naming the first class that a classifier does not know */
export function expectKnown(names: readonly string[], isKnown: (name: string, index: number) => boolean): void {
  const unknown = names.find((name, i) => !isKnown(name, i));
  if (unknown !== undefined)
    throw new UsageError(
      `--reject-with: the classifier knows no class "${unknown}"; leave that class out with --classes, or take another classifier`,
    );
}
