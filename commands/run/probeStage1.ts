/** The baseline of `probe` that stage 1 gives: a linear classifier on what the tokenizer's encoder makes of the images. */
import { FileError } from "../../lib/errors.js";
import { expectTokenizer } from "../../lib/files/tokenFile.js";
import type { VimConfig } from "../../lib/models/vim.js";
import { type LinearProbe, linearProbe } from "../../lib/probe/linearProbe.js";
import { createFeaturizer } from "../../lib/sample/codec.js";
import { type LoadedModel, loadTokenizer } from "../support/models.js";
import { imagesOf, type Missing, namesImages, orReason, resizeOf } from "./probeImages.js";
import type { BaselineOptions } from "./probePixels.js";

export type Stage1Baseline = LinearProbe & {
  /** Model file of the tokenizer. */
  readonly tokenizer: string;
  /** Width of its encoder, the number of features: the mean over all tokens after the last norm. */
  readonly features: number;
};

/**
 * Accuracy on the features of stage 1, or the reason why there is none: tokenizer or images are gone or others.
 * @throws DataError or FileError for that reason if either was named by an option
 */
export async function stage1Baseline(
  options: BaselineOptions & { readonly vim: LoadedModel<VimConfig> },
): Promise<Stage1Baseline | Missing> {
  const { config, pair, engine, reporter } = options;
  if (!config.stage1) return { reason: "left out (--no-stage1)" };
  const named = { images: namesImages(config), tokenizer: config.tokenizer !== undefined };
  return orReason({ name: "stage-1", named, reporter }, async () => {
    const run = tokenizerRun(options);
    if (run === undefined)
      throw new FileError("neither token file nor VIM says where the tokenizer is; name its run with --tokenizer");
    const { model, weights, hash, stored } = await loadTokenizer(run, {
      checkpoint: config.checkpoint,
      warn: (warning) => reporter.warn(warning),
    });
    expectTokenizer(pair.train.tokens, hash);
    const encoder = await createFeaturizer({ engine, model, weights, batchSize: config.batchSize });
    try {
      const { imageSize: size, channels } = model;
      const featuresOf = (images: Float32Array) => encoder.extract(images);
      const of = { view: { size, channels, resize: resizeOf(pair.train), featuresOf }, reporter };
      const label = "features of stage 1";
      const train = await imagesOf(pair.train, { ...of, label, given: config.trainData });
      const test = await imagesOf(pair.test, { ...of, label, given: config.testData });
      const spinner = reporter.spinner("fitting on stage 1");
      const { probe } = await linearProbe({ ...config, engine, train, test, classes: pair.classes });
      spinner.succeed("fitted on stage 1");
      return { ...probe, tokenizer: stored.file, features: train.features.length / train.labels.length };
    } finally {
      await encoder.close();
    }
  });
}

/** Where the tokenizer is said to be: by the user, by the token file, by the VIM. */
export function tokenizerRun({
  config,
  pair,
  vim,
}: Pick<BaselineOptions, "config" | "pair"> & { readonly vim: LoadedModel<VimConfig> }): string | undefined {
  const { tokenizer } = (vim.stored.config["tokenizer"] ?? {}) as { tokenizer?: string };
  return config.tokenizer ?? pair.train.tokens.extra["tokenizer"] ?? tokenizer;
}
