/**
 * The work of `evaluate`: which of its three measurements was asked for, and whether there is room for the results. Each
 * is loaded when its turn has come, since the neighbours of samples need no engine.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { UsageError } from "../../lib/errors.js";
import type { options } from "../evaluate.js";
import type { CommandContext } from "../support/command.js";
import { flagOf } from "../support/options.js";

export type EvaluateContext = CommandContext<typeof options>;

type Name = keyof EvaluateContext["config"];

const OF_TOKENIZERS: readonly Name[] = ["data", "tokenizer", "checkpoint", "vgg", "lpips"];
const OF_SAMPLES: readonly Name[] = ["reference", "real", "copyDistance"];
/** All that a VIM's likelihood can do without. */
const OF_IMAGES: readonly Name[] = [
  ...(["tokenizer", "vgg", "lpips", "inception", "inceptionProtocol", "statistics", "features"] as const),
  ...(["samples", "real", "copyDistance", "labels", "strict", "resize"] as const),
];
const OF_INCEPTION: readonly Name[] = ["inceptionProtocol", "statistics"];

export async function run(context: EvaluateContext): Promise<void> {
  const { data, tokenizer, vim, samples, reference, inception } = context.config;
  if (vim !== undefined) {
    refuse(context, OF_IMAGES, "has no part in the evaluation of --vim");
    if (data === undefined) throw new UsageError("--vim needs a token file: the codes that it is to predict");
    expectFree(context, "likelihood.json", "likelihood.svg", "likelihood.png");
    return (await import("./evaluateLikelihood.js")).evaluateLikelihood(context, { tokens: data, vim });
  }
  if (inception === undefined) refuse(context, OF_INCEPTION, "changes nothing without --inception");
  if (samples !== undefined) {
    refuse(context, OF_TOKENIZERS, "has no part in the evaluation of --samples");
    if (reference === undefined) throw new UsageError("--samples needs --reference: the images that were trained on");
    expectFree(context, "samples.json", "neighbours.png");
    return (await import("./evaluateSamples.js")).evaluateSamples(context, { samples, reference });
  }
  refuse(context, OF_SAMPLES, "has no part in the evaluation of a tokenizer");
  if (data === undefined || tokenizer === undefined)
    throw new UsageError("evaluate wants images and --tokenizer, a token file and --vim, or --samples and --reference");
  expectFree(context, "evaluation.json", "reconstructions.png");
  return (await import("./evaluateTokenizer.js")).evaluateTokenizer(context, { data, tokenizer });
}

/** Options that were set and would change nothing. */
function refuse({ config, explicit }: EvaluateContext, names: readonly Name[], why: string): void {
  const odd = names.find((name) => explicit.has(name));
  if (odd === undefined) return;
  const shown = odd === "data" ? `the path ${config.data}` : flagOf(odd);
  throw new UsageError(`${shown} ${why}; leave it out`);
}

function expectFree({ config: { out }, force, dryRun }: EvaluateContext, ...names: readonly string[]): void {
  if (out === undefined || force || dryRun) return;
  const taken = names.map((name) => path.join(out, name)).find((file) => existsSync(file));
  if (taken !== undefined) throw new UsageError(`${taken} exists; --force replaces it, or name another folder`);
}
