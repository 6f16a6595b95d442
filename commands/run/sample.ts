/** The work of `sample`: codes drawn class by class, decoded, written as PNGs with a grid and an index. */
import { sequenceLength } from "../../lib/models/vim.js";
import { formatDuration, formatInteger } from "../../lib/ui/format.js";
import type { options } from "../sample.js";
import type { CommandContext } from "../support/command.js";
import { engineOf } from "../support/engine.js";
import { expectFilePlace, expectFolderPlace } from "../support/places.js";
import { openReporter } from "../support/reporter.js";
import { batchSizes } from "./sampleBatch.js";
import { completeImages } from "./sampleCompletion.js";
import { decodedBatches, drawCodes, reject } from "./sampleDrawing.js";
import { loadModels } from "./sampleModels.js";
import { writeSamples } from "./sampleOutput.js";
import { namesOf, planImages, sharesOf } from "./samplePlan.js";
import { openRejection, type Rejection } from "./sampleRejection.js";
import { rulesOf } from "./sampleRules.js";
import { seededPlans, sharesOfPlans } from "./sampleSeeds.js";
import { writeTokens } from "./sampleTokens.js";

type Context = CommandContext<typeof options>;

export async function run(context: Context): Promise<void> {
  const { config, dryRun, force, result, warn } = context;
  if (!dryRun) {
    await expectFolderPlace("--out", config.out, { force });
    await expectFilePlace("--tokens-out", config.tokensOut, { force });
  }
  const models = await loadModels(config, warn);
  const { vim, tokenizer, decoder } = models;
  const classNames = namesOf(vim);
  if (config.complete !== undefined) return completeImages(context, config.complete, { ...models, classNames });
  const again = config.seeds && seededPlans(config.seeds, { config, model: vim.model, classNames });
  const shares = again ? sharesOfPlans(again) : sharesOf(config, vim.model, classNames);
  const rules = rulesOf(config, { vim, classNames, classIds: [...shares.keys()], warn });
  const rejection = await rejectionOf(context, { classNames, shares, tokenizerHash: tokenizer.hash });
  const plans = again ?? planImages(config.seed, shares, rejection);
  const kept = sum(shares.values());
  const all = rejection ? ` and keep ${formatInteger(kept)}` : "";
  if (dryRun)
    return result(
      { dryRun: true, images: kept, drawn: plans.length },
      `would draw ${formatInteger(plans.length)} images${all}`,
    );
  const reporter = await openReporter(context);
  try {
    const engine = await engineOf(config);
    const began = performance.now();
    const batch = batchSizes(config, { ...models, rules, images: plans.length });
    const drawn = await drawCodes({ vim, plans, rules, engine, reporter, batchSize: batch.draw });
    const best = rejection ? await reject(rejection, { drawn, shares, engine, decoder, batch }) : drawn;
    if (config.tokensOut !== undefined)
      await writeTokens(config.tokensOut, { ...best, classNames, tokenizer, vim: config.vim });
    const part = await writeSamples(config, {
      images: decodedBatches(best.codes, { tokenizer: decoder, engine, batchSize: batch.decode }),
      drawn: best.images,
      classNames,
      decoder: decoder.model,
      rejection,
      rules,
    });
    const seconds = (performance.now() - began) / 1000;
    const codes = plans.length * sequenceLength(vim.model);
    result(
      { out: config.out, images: kept, drawn: plans.length, seconds, codesPerSecond: codes / seconds },
      `${config.out}: ${formatInteger(kept)} images${rejection ? ` of ${formatInteger(plans.length)} drawn` : ""} in ` +
        `${formatDuration(seconds)}, ${formatInteger(Math.round(codes / seconds))} codes/s; ` +
        `see grid.png${part === undefined ? "" : ` (${part})`} and index.json`,
    );
  } finally {
    reporter.stop();
  }
}

type Drawn = {
  readonly classNames: readonly string[];
  readonly shares: ReadonlyMap<number, number>;
  readonly tokenizerHash: string;
};

function rejectionOf({ config }: Context, wanted: Drawn): Promise<Rejection> | undefined {
  const { rejectWith } = config;
  if (rejectWith === undefined) return undefined;
  return openRejection({ ...config, rejectWith }, { ...wanted, classIds: [...wanted.shares.keys()] });
}

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);
