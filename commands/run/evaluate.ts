/**
 * The work of `evaluate`: which of its three measurements was asked for, and whether there is room for the results. Each
 * is loaded when its turn has come, since the neighbours of samples need no engine.
 */
import { existsSync } from "node:fs";
import { UsageError } from "../../lib/errors.js";
import type { options } from "../evaluate.js";
import type { CommandContext } from "../support/command.js";
import { expectFilePlace, expectFolderPlace } from "../support/places.js";

export type EvaluateContext = CommandContext<typeof options>;

export async function run(context: EvaluateContext): Promise<void> {
  const { data, tokenizer, vim, samples, reference } = context.config;
  if (vim !== undefined) {
    if (data === undefined) throw new UsageError("--vim needs a token file: the codes that it is to predict");
    await expectPlaces(context, "likelihood.json", "likelihood.svg", "likelihood.png");
    return (await import("./evaluateLikelihood.js")).evaluateLikelihood(context, { tokens: data, vim });
  }
  if (samples !== undefined) {
    if (reference === undefined) throw new UsageError("--samples needs --reference: the images that were trained on");
    await expectPlaces(context, "samples.json", "neighbours.png");
    return (await import("./evaluateSamples.js")).evaluateSamples(context, { samples, reference });
  }
  if (data === undefined || tokenizer === undefined)
    throw new UsageError("evaluate wants images and --tokenizer, a token file and --vim, or --samples and --reference");
  await expectPlaces(context, "evaluation.json", "reconstructions.png");
  return (await import("./evaluateTokenizer.js")).evaluateTokenizer(context, { data, tokenizer });
}

async function expectPlaces({ config, force, dryRun }: EvaluateContext, ...names: readonly string[]): Promise<void> {
  if (dryRun) return;
  const { out, statistics } = config;
  await expectFolderPlace("--out", out, { force, names });
  // A file of statistics that is there is read and stays as it is.
  if (statistics !== undefined && !existsSync(statistics))
    await expectFilePlace("--statistics", statistics, { force: false });
}
