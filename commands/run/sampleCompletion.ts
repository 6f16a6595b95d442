/** `sample --complete`: the upper rows of images are kept as codes, and what is below is drawn, in several ways. */
import path from "node:path";
import { sequenceLength, type VimConfig } from "../../lib/models/vim.js";
import { formatDuration, formatInteger } from "../../lib/ui/format.js";
import type { Reporter } from "../../lib/ui/progress.js";
import type { options } from "../sample.js";
import type { CommandContext } from "../support/command.js";
import { engineOf } from "../support/engine.js";
import type { LoadedModel } from "../support/models.js";
import { openReporter } from "../support/reporter.js";
import { encodeOriginals } from "./completionOriginals.js";
import { openCompletionPicture } from "./completionPicture.js";
import { expectDifferentWays, planCompletions, type Task, taskOf } from "./completionPlan.js";
import { batchSizes } from "./sampleBatch.js";
import { decodedBatches, drawCodes } from "./sampleDrawing.js";
import type { SampleModels } from "./sampleModels.js";
import { writeSamples } from "./sampleOutput.js";
import { type Rules, rulesOf } from "./sampleRules.js";
import { writeTokens } from "./sampleTokens.js";

type Context = CommandContext<typeof options>;

type Models = SampleModels & { readonly classNames: readonly string[] };

/** @param images what is to be completed, the value of --complete */
export async function completeImages(context: Context, images: string, models: Models): Promise<void> {
  const { config, dryRun, result, warn } = context;
  const { vim, classNames } = models;
  const task = await taskOf(images, config, { model: vim.model, classNames, warn });
  const rules = rulesOf(config, { vim, classNames, classIds: task.classIds, warn });
  expectDifferentWays(config.ways, rules.filters, task.classIds);
  const { count } = task.source;
  const kept = { keptRows: task.keptRows, rows: vim.model.grid[0] };
  if (dryRun)
    return result(
      { dryRun: true, images: count * config.ways, originals: count, ...kept },
      `would draw ${formatInteger(count * config.ways)} completions of ${formatInteger(count)} images, ${keeping(kept)}`,
    );
  const reporter = await openReporter(context);
  try {
    const began = performance.now();
    const { plans, originals, damaged, part } = await draw(context, { ...models, task, rules, reporter });
    const seconds = (performance.now() - began) / 1000;
    const codes = plans.length * (sequenceLength(vim.model) - task.prefixLength);
    result(
      { out: config.out, images: plans.length, originals, damaged, ...kept, seconds, codesPerSecond: codes / seconds },
      `${config.out}: ${formatInteger(plans.length)} completions of ${formatInteger(originals)} images, ${keeping(kept)}, ` +
        `in ${formatDuration(seconds)}; see completions.png${part === undefined ? "" : ` (${part})`} and index.json`,
    );
  } finally {
    reporter.stop();
  }
}

type Work = Models & { readonly task: Task; readonly rules: Rules; readonly reporter: Reporter };

async function draw({ config }: Context, { classNames, task, rules, reporter, ...models }: Work) {
  const { vim, tokenizer, decoder } = models;
  const engine = await engineOf(config);
  const { prefixLength } = task;
  const batch = batchSizes(config, { ...models, rules, prefixLength, images: task.source.count * config.ways });
  const resize = config.resize ?? resizeOf(vim);
  const { strict, tokensOut } = config;
  const encoding = { engine, tokenizer, batchSize: batch.decode, resize, strict, reporter };
  const originals = await encodeOriginals(task, encoding);
  const plans = planCompletions(task, { originals, seed: config.seed, ways: config.ways });
  const drawn = await drawCodes({ vim, plans, rules, prefixLength, engine, reporter, batchSize: batch.draw });
  if (tokensOut !== undefined) await writeTokens(tokensOut, { ...drawn, classNames, tokenizer, vim: config.vim });
  const picture = openCompletionPicture({
    shown: originals.shown,
    ways: config.ways,
    keptShare: task.keptRows / vim.model.grid[0],
    labels: originals.indices.map((index) => classNames[task.classIds[index]!] ?? ""),
    size: { height: tokenizer.model.imageSize, width: tokenizer.model.imageSize, channels: tokenizer.model.channels },
  });
  const part = await writeSamples(config, {
    images: decodedBatches(drawn.codes, { tokenizer: decoder, engine, batchSize: batch.decode }),
    drawn: plans,
    classNames,
    decoder: decoder.model,
    rejection: undefined,
    rules,
    completion: { picture, facts: factsOf(task, { rows: vim.model.grid[0], ways: config.ways, resize }) },
  });
  return { plans, originals: originals.indices.length, damaged: originals.damaged, part };
}

/** How the images were resized that the VIM learned from. */
function resizeOf({ stored }: LoadedModel<VimConfig>): "cover" | "squash" {
  const { resize } = (stored.config["tokenizer"] ?? {}) as { resize?: string };
  return resize === "squash" ? resize : "cover";
}

function factsOf({ source, keptRows }: Task, rest: { rows: number; ways: number; resize: string }) {
  return { originals: path.resolve(source.path), keptRows, ...rest };
}

const keeping = ({ keptRows, rows }: { keptRows: number; rows: number }): string =>
  `keeping the upper ${keptRows} of ${rows} rows of codes`;
