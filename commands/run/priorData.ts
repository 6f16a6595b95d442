/** What `train-vim` learns from, whether it lies in token files or is made of images as it goes. */
import type { Engine } from "../../lib/engine/types.js";
import { UsageError } from "../../lib/errors.js";
import type { Work } from "../../lib/train/estimate.js";
import type { PriorBatch } from "../../lib/train/priorTrainer.js";
import type { Validation } from "../../lib/train/validation.js";
import type { Reporter } from "../../lib/ui/progress.js";
import type { TrainVimConfig } from "../trainVim.js";
import { openPriorImages } from "./priorImages.js";
import { openPriorTokens } from "./priorTokens.js";

export type PriorData = {
  /** Rows or images to train on, in words. */
  readonly told: string;
  /** The same as numbers, for a dry run. */
  readonly counts: Readonly<Record<string, number>>;
  readonly grid: readonly [rows: number, columns: number];
  readonly vocabulary: number;
  /** Number of classes; 0 when no image has one. */
  readonly classes: number;
  /** Pixels times channels of an image. */
  readonly dimensions: number;
  /** `weightsHash` of the tokenizer. */
  readonly tokenizerHash: string;
  /** `data` and `tokenizer` of the run's config. */
  readonly stored: Readonly<Record<"data" | "tokenizer", Readonly<Record<string, unknown>>>>;
  /** What a step computes besides the training itself. */
  readonly work: readonly Work[];
  /** Makes it ready to be read. */
  feed(engine: Engine, reporter: Reporter): Promise<PriorFeed>;
  close(): Promise<void>;
};

export type PriorFeed = {
  /** What is scored; undefined without `--val` and `--hold-out`. */
  readonly validation: Validation | undefined;
  batches(startStep: number): PriorBatches;
  close(): Promise<void>;
};

export type PriorBatches = {
  next(): Promise<PriorBatch>;
  /** Seconds spent waiting for data so far. */
  readonly waited: number;
  /** Seconds spent computing, by what was computed. */
  readonly spent: Readonly<Record<string, number>>;
  /** Facts for the result. */
  readonly facts: Readonly<Record<string, number>>;
  close(): Promise<void>;
};

/**
 * Opens token files, or images and their tokenizer.
 * @throws UsageError when neither or both are given; FileError and DataError when they do not fit together
 */
export async function openPriorData(config: TrainVimConfig, warn: (message: string) => void): Promise<PriorData> {
  const { tokens = [], data, tokenizer } = config;
  if (data !== undefined && tokens.length > 0)
    throw new UsageError(`--data: want token files or images to train on, got both (${tokens[0]}, ${data}); give one`);
  if (data === undefined && tokens.length === 0)
    throw new UsageError("--tokens is missing (token files to train on); name some, or images with --data");
  if (data === undefined) return openPriorTokens(config, tokens as readonly [string, ...string[]]);
  if (tokenizer === undefined)
    throw new UsageError(`--tokenizer is missing (the run that encodes ${data}); name a run of train-vq`);
  return openPriorImages(config, { data, tokenizer }, warn);
}
