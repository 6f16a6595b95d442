/** `evaluate` of a VIM: how well it predicts the codes of a token file, beside entropies that know less. */
import path from "node:path";
import { DataError } from "../../lib/errors.js";
import { fileHash } from "../../lib/files/fileHash.js";
import { expectTokenizer, openTokenFile, type TokenFile } from "../../lib/files/tokenFile.js";
import { type CodeCounter, countCodes, crossEntropyUnder } from "../../lib/metrics/codeEntropy.js";
import { type CodeLikelihood, createCodeLikelihood } from "../../lib/metrics/codeLikelihood.js";
import { type LikelihoodScores, scoreLikelihood } from "../../lib/metrics/likelihoodScores.js";
import { noClass, sequenceLength, type VimConfig } from "../../lib/models/vim.js";
import { fittingBatch } from "../../lib/sample/batchSize.js";
import { formatInteger } from "../../lib/ui/format.js";
import { engineOf } from "../support/engine.js";
import { tellAndKeep } from "../support/keptResult.js";
import { type LoadedModel, lacksClassless, loadVim } from "../support/models.js";
import { openReporter } from "../support/reporter.js";
import type { EvaluateContext } from "./evaluate.js";
import { figuresOf, type Reference } from "./likelihoodFigures.js";
import { likelihoodText, writeLikelihood } from "./likelihoodReport.js";
import { expectModel } from "./probeTokens.js";

type Vim = LoadedModel<VimConfig>;

export async function evaluateLikelihood(
  context: EvaluateContext,
  paths: { tokens: string; vim: string },
): Promise<void> {
  const { config, dryRun, result, warn } = context;
  const tokens = await openTokenFile(paths.tokens);
  let reference: TokenFile | undefined;
  try {
    const vim = await loadVim(paths.vim, { checkpoint: config.checkpoint, warn });
    expectModel(tokens, vim);
    if (config.reference !== undefined) reference = await openTokenFile(config.reference);
    if (reference) expectTokenizer(reference, tokens.tokenizerHash);
    const rows = Math.min(config.limit ?? tokens.count, tokens.count);
    const labels = labelsOf(tokens, vim).subarray(0, rows);
    expectAnswer(tokens, labels, vim.model);
    if (dryRun) return result({ dryRun: true, rows }, `would score the codes of ${formatInteger(rows)} rows`);
    const began = performance.now();
    const measured = await measure(context, { tokens, vim, labels });
    const training = reference && (await compare(reference, measured.counter));
    const [sha256, seconds] = [await fileHash(tokens.path), (performance.now() - began) / 1000];
    const figures = figuresOf(measured, { tokens, sha256, vim, reference: training, seconds });
    await tellAndKeep(context, { figures, text: likelihoodText(figures) }, async () => {
      if (config.out !== undefined) await writeLikelihood(config.out, figures);
    });
  } finally {
    await tokens.close();
    await reference?.close();
  }
}

export type Measured = {
  /** Of the rows that have a label; undefined where there are none, or the VIM knows no classes. */
  readonly withClass: LikelihoodScores | undefined;
  /** Of all rows; undefined where the VIM has no start without a class. */
  readonly withoutClass: LikelihoodScores | undefined;
  readonly counter: CodeCounter;
  readonly rows: number;
};

type Work = { readonly tokens: TokenFile; readonly vim: Vim; readonly labels: Int32Array };

async function measure(context: EvaluateContext, { tokens, vim, labels }: Work): Promise<Measured> {
  const { config } = context;
  const reporter = await openReporter(context);
  let likelihood: CodeLikelihood | undefined;
  try {
    if (isTrainedOn(tokens, vim))
      reporter.warn(`${tokens.path} is what the VIM was trained on: its figures say little of other images`);
    if (lacksClassless(vim))
      reporter.warn("the VIM was trained with --class-dropout 0: what it says without a class is of no use");
    const engine = await engineOf(config);
    const { model, weights } = vim;
    const rows = labels.length;
    // Logits, their logarithms of probabilities and what is taken of those lie side by side.
    const bytesEach = 4 * 4 * sequenceLength(model) * model.vocabulary;
    const batchSize = fittingBatch({ bytesEach, bytes: MOST_BYTES, images: rows, most: config.batchSize });
    likelihood = await createCodeLikelihood({ engine, model, weights, givesUpWeights: true, batchSize });
    const [withClass, withoutClass] = [scoreLikelihood(model.grid), scoreLikelihood(model.grid)];
    const [labelled, classless] = [labels.some((label) => label >= 0), hasClassless(model)];
    const counter = countCodes(tokens);
    const bar = reporter.bar({ total: rows, unit: "rows", label: "scoring" });
    for (let from = 0; from < rows; from += batchSize) {
      const batch = labels.subarray(from, from + batchSize);
      const codes = await tokens.readRange(from, batch.length);
      counter.add(codes);
      if (labelled) withClass.add(await measureLabelled(likelihood, codes, batch));
      if (classless)
        withoutClass.add(
          await likelihood.measure(
            codes,
            batch.map(() => noClass(model)),
          ),
        );
      bar.update(from + batch.length);
    }
    bar.stop();
    return {
      withClass: labelled ? withClass.result() : undefined,
      withoutClass: classless ? withoutClass.result() : undefined,
      counter,
      rows,
    };
  } finally {
    await likelihood?.close();
    reporter.stop();
  }
}

/** Predictions of the rows that have a label. */
function measureLabelled(likelihood: CodeLikelihood, codes: Int32Array, labels: Int32Array) {
  const T = codes.length / labels.length;
  const own = [...labels.keys()].filter((row) => labels[row]! >= 0);
  const kept = new Int32Array(own.length * T);
  for (const [i, row] of own.entries()) kept.set(codes.subarray(row * T, (row + 1) * T), i * T);
  return likelihood.measure(
    kept,
    Int32Array.from(own, (row) => labels[row]!),
  );
}

const hasClassless = ({ classless = true }: VimConfig): boolean => classless;

/**
 * Labels as the VIM knows them, -1 where there is none or it knows no classes.
 * @throws DataError when the file has other classes than the VIM
 */
function labelsOf({ path: file, count, labels, classNames }: TokenFile, { model, stored }: Vim): Int32Array {
  if (count === 0) throw new DataError(`${file}: it has no rows; encode some images`);
  if (!labels || model.classes === 0) return new Int32Array(count).fill(-1);
  const { classNames: known } = (stored.config["data"] ?? {}) as { classNames?: readonly string[] };
  if (known && classNames && JSON.stringify(known) !== JSON.stringify(classNames))
    throw new DataError(
      `${file}: its ${classNames.length} classes are not the ${known.length} that ${stored.file} was trained on; ` +
        "encode from folders with the same class names",
    );
  const odd = labels.findIndex((label) => label >= model.classes);
  if (odd < 0) return labels;
  throw new DataError(
    `${file}: row ${odd} has label ${labels[odd]}, and ${stored.file} knows classes 0..${model.classes - 1}; ` +
      "encode images of those",
  );
}

/** @throws DataError when nothing can be asked of the VIM */
function expectAnswer({ path: file }: TokenFile, labels: Int32Array, model: VimConfig): void {
  if (hasClassless(model) || labels.some((label) => label >= 0)) return;
  throw new DataError(
    `${file}: no row has a label, and the VIM has no start without a class; encode class folders, or an IDX file with --labels`,
  );
}

function isTrainedOn(tokens: TokenFile, { stored }: Vim): boolean {
  type Trained = { readonly path?: unknown; readonly files?: readonly { readonly path?: unknown }[] };
  const { path: only, files = [{ path: only }] } = (stored.config["data"] ?? {}) as Trained;
  return files.some(({ path: trained }) => trained === path.resolve(tokens.path));
}

const ROWS_AT_ONCE = 1024;
const MOST_BYTES = 2e9;

/** What the frequencies of the training codes make of those that were counted. */
async function compare(reference: TokenFile, counter: CodeCounter): Promise<Reference> {
  const training = countCodes(reference);
  for (let from = 0; from < reference.count; from += ROWS_AT_ONCE)
    training.add(await reference.readRange(from, Math.min(ROWS_AT_ONCE, reference.count - from)));
  const crossEntropy = crossEntropyUnder(counter.counts(), training.counts());
  return { file: reference.path, sha256: await fileHash(reference.path), rows: reference.count, crossEntropy };
}
