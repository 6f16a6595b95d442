/**
 * The work of `evaluate`: which of its two measurements was asked for, and whether there is room for the results. Each
 * is loaded when its turn has come, since samples need no engine.
 */
import { existsSync } from "node:fs";
import path from "node:path";
import { UsageError } from "../../lib/errors.js";
import type { options } from "../evaluate.js";
import type { CommandContext } from "../support/command.js";
import { flagOf } from "../support/options.js";

export type EvaluateContext = CommandContext<typeof options>;

export async function run(context: EvaluateContext): Promise<void> {
  const { data, tokenizer, samples, reference } = context.config;
  if (samples !== undefined) {
    refuse(context, ["data", "tokenizer", "checkpoint"], "--samples");
    if (reference === undefined) throw new UsageError("--samples needs --reference: the images that were trained on");
    expectFree(context, "samples.json");
    return (await import("./evaluateSamples.js")).evaluateSamples(context, { samples, reference });
  }
  refuse(context, ["reference", "real", "copyDistance"], "a tokenizer");
  if (data === undefined || tokenizer === undefined)
    throw new UsageError("evaluate wants images and --tokenizer, or --samples and --reference");
  expectFree(context, "evaluation.json");
  return (await import("./evaluateTokenizer.js")).evaluateTokenizer(context, { data, tokenizer });
}

/** Options of the other measurement would change nothing. */
function refuse({ config }: EvaluateContext, names: readonly (keyof EvaluateContext["config"])[], what: string): void {
  const odd = names.find((name) => config[name] !== undefined && config[name] !== false);
  if (odd === undefined) return;
  const shown = odd === "data" ? `the path ${config.data}` : flagOf(odd);
  throw new UsageError(`${shown} has no part in the evaluation of ${what}; leave it out`);
}

function expectFree({ config: { out }, force, dryRun }: EvaluateContext, name: string): void {
  if (out === undefined || force || dryRun || !existsSync(path.join(out, name))) return;
  throw new UsageError(`${path.join(out, name)} exists; --force replaces it, or name another folder`);
}
