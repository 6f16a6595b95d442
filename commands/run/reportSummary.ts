/** One object of figures out of everything that was found. */
import type { Findings, FoundFile, FoundRun } from "./reportSearch.js";

type Json = Readonly<Record<string, unknown>>;

/** The headline is of the first of each kind; everything is listed under `found`. Null stands for what is missing. */
export type Summary = {
  readonly psnr: number | null;
  readonly psnrOfMeanMse: number | null;
  readonly ssim: number | null;
  readonly mae: number | null;
  readonly lpips: number | null;
  readonly logitLaplace: number | null;
  readonly rfid: number | null;
  /** Mean Inception Score of the reconstructions. */
  readonly inceptionScore: number | null;
  /** Fréchet distance of reconstructions on features of a local tokenizer: not an rFID. */
  readonly localReconstructionFrechet: number | null;
  readonly usage: number | null;
  readonly batchUsage: number | null;
  readonly perplexity: number | null;
  readonly codebookSize: number | null;
  readonly tokensPerImage: number | null;
  readonly evaluatedImages: number | null;
  readonly nearestClassShare: number | null;
  readonly realNearestClassShare: number | null;
  readonly sampleImages: number | null;
  readonly copies: number | null;
  readonly meanDistance: number | null;
  readonly realMeanDistance: number | null;
  /** Of samples by Inception's features. */
  readonly gfid: number | null;
  readonly realGfid: number | null;
  readonly sampleInceptionScore: number | null;
  readonly precision: number | null;
  readonly recall: number | null;
  readonly density: number | null;
  readonly coverage: number | null;
  /** Of samples by features of a local tokenizer: not comparable to published figures. */
  readonly localFrechet: number | null;
  readonly realLocalFrechet: number | null;
  readonly localPrecision: number | null;
  readonly localRecall: number | null;
  readonly localDensity: number | null;
  readonly localCoverage: number | null;
  readonly likelihood: LikelihoodSummary | null;
  readonly probe: ProbeSummary | null;
  readonly stage1: StageSummary | null;
  readonly stage2: StageSummary | null;
  /** Wall seconds by piece of work, null where unknown; `total` is the sum of the known ones. */
  readonly seconds: Readonly<
    Record<"stage1" | "stage2" | "evaluation" | "likelihood" | "sampleEvaluation" | "probe" | "total", number | null>
  >;
  readonly seeds: Readonly<Record<"stage1" | "stage2" | "samples", number | null>>;
  readonly found: Readonly<Record<string, readonly Json[]>>;
};

/** Of the codes that a VIM had to predict, in nats per code; `top1` is a share, 0..1. */
export type LikelihoodSummary = {
  readonly rows: number | null;
  readonly nll: number | null;
  readonly nllWithoutClass: number | null;
  readonly top1: number | null;
  readonly unigramEntropy: number | null;
  readonly positionEntropy: number | null;
};

/** Top-1 shares of the test images, 0..1. */
export type ProbeSummary = {
  readonly best: { readonly block: number | null; readonly top1: number | null };
  readonly rawPixels: number | null;
  readonly stage1: number | null;
  readonly randomInit: number | null;
  readonly majorityClass: number | null;
};

/** Where and how a run was trained, and the last value of each of its metrics. */
export type StageSummary = Json & {
  readonly run: string;
  readonly finished: boolean;
  readonly seed: number | null;
  readonly step: number | null;
  readonly seconds: number | null;
  /** Share of those seconds, 0..1, that steps waited for data. */
  readonly dataWait: number | null;
};

export function summarize(findings: Findings): Summary {
  const { evaluations, likelihoods, samples, probes, sampleFolders } = findings;
  const evaluation = evaluations[0]?.content;
  const predicted = likelihoods[0]?.content;
  const sampled = samples[0]?.content;
  const probe = probes[0]?.content;
  const stage1 = stageOf(findings.tokenizerRuns[0]);
  const stage2 = stageOf(findings.priorRuns[0]);
  const encoding = findings.encodings[0]?.content;
  const reconstruction = (key: string) => numberAt(evaluation, key);
  const codes = (key: string) => numberAt(evaluation, key) ?? numberAt(encoding, key);
  return {
    psnr: reconstruction("psnr"),
    psnrOfMeanMse: reconstruction("psnrOfMeanMse"),
    ssim: reconstruction("ssim"),
    mae: reconstruction("mae"),
    lpips: reconstruction("lpips"),
    logitLaplace: reconstruction("logitLaplace"),
    rfid: reconstruction("rfid"),
    inceptionScore: numberAt(evaluation, "inceptionScore", "mean"),
    localReconstructionFrechet: reconstruction("localFrechet"),
    usage: codes("usage"),
    batchUsage: codes("batchUsage"),
    perplexity: codes("perplexity"),
    codebookSize: reconstruction("codebookSize") ?? numberAt(encoding, "vocabulary"),
    tokensPerImage: codes("tokensPerImage"),
    evaluatedImages: reconstruction("images"),
    nearestClassShare: numberAt(sampled, "nearestClassShare"),
    realNearestClassShare: numberAt(sampled, "real", "nearestClassShare"),
    sampleImages: numberAt(sampled, "images") ?? countOf(sampleFolders[0]),
    copies: numberAt(sampled, "copies"),
    meanDistance: numberAt(sampled, "meanDistance"),
    realMeanDistance: numberAt(sampled, "real", "meanDistance"),
    ...judgedOf(sampled),
    likelihood: predicted ? likelihoodOf(predicted) : null,
    probe: probe ? probeOf(probe) : null,
    stage1,
    stage2,
    seconds: secondsOf({
      stage1: stage1?.seconds ?? null,
      stage2: stage2?.seconds ?? null,
      evaluation: numberAt(evaluation, "seconds"),
      likelihood: numberAt(predicted, "seconds"),
      sampleEvaluation: numberAt(sampled, "seconds"),
      probe: numberAt(probe, "seconds"),
    }),
    seeds: {
      stage1: stage1?.seed ?? null,
      stage2: stage2?.seed ?? null,
      samples: numberAt(sampleFolders[0]?.content, "seed"),
    },
    found: listAll(findings),
  };
}

/**
 * Seconds that a run took, from the pace that its metrics record: `sum (steps since the last record) * batchSize /
 * imagesPerSecond`; null when a record lacks its pace. What precedes the first step is not in it.
 */
export function trainingSeconds(run: Pick<FoundRun, "config" | "metrics">): number | null {
  return intervalSeconds(run)?.reduce((sum, seconds) => sum + seconds, 0) ?? null;
}

/** Share of a run's seconds, 0..1, that its steps waited for data; null when a record lacks its share or its pace. */
export function waitingShare(run: Pick<FoundRun, "config" | "metrics">): number | null {
  const intervals = intervalSeconds(run);
  const shares = run.metrics.map((record) => numberAt(record, "dataWait"));
  if (!intervals || shares.includes(null)) return null;
  const waited = intervals.reduce((sum, seconds, i) => sum + seconds * shares[i]!, 0);
  return waited / intervals.reduce((sum, seconds) => sum + seconds, 0);
}

/** Seconds of every record's interval, one or more; null when one lacks its pace. */
function intervalSeconds({ config, metrics }: Pick<FoundRun, "config" | "metrics">): number[] | null {
  const batchSize = numberAt(config, "options", "batchSize");
  if (batchSize === null || metrics.length === 0) return null;
  const all: number[] = [];
  let before = 0;
  for (const record of metrics) {
    const pace = numberAt(record, "imagesPerSecond");
    if (pace === null || pace <= 0) return null;
    all.push(((record.step - before) * batchSize) / pace);
    before = record.step;
  }
  return all;
}

/** The number that lies at a path of keys, or null. */
export function numberAt(value: unknown, ...keys: readonly string[]): number | null {
  const end = keys.reduce<unknown>(
    (at, key) => (typeof at === "object" && at !== null && Object.hasOwn(at, key) ? (at as Json)[key] : undefined),
    value,
  );
  return typeof end === "number" && Number.isFinite(end) ? end : null;
}

function stageOf(run: FoundRun | undefined): StageSummary | null {
  if (!run) return null;
  const last: Record<string, unknown> = {};
  for (const record of run.metrics)
    for (const [name, value] of Object.entries(record)) if (value !== null) last[name] = value;
  return {
    ...last,
    run: run.folder,
    finished: run.finished,
    seed: numberAt(run.config, "options", "seed"),
    step: numberAt(last, "step"),
    seconds: trainingSeconds(run),
    dataWait: waitingShare(run),
  };
}

/** With the class where there is one. */
function likelihoodOf(predicted: Json): LikelihoodSummary {
  const of = (key: string) => numberAt(predicted, "withClass", key) ?? numberAt(predicted, "withoutClass", key);
  return {
    rows: of("rows"),
    nll: of("nll"),
    nllWithoutClass: numberAt(predicted, "withoutClass", "nll"),
    top1: of("top1"),
    unigramEntropy: numberAt(predicted, "unigramEntropy"),
    positionEntropy: numberAt(predicted, "positionEntropy"),
  };
}

/** Baselines are objects with a `top1`, or null where one was not had. */
function probeOf(probe: Json): ProbeSummary {
  return {
    best: { block: numberAt(probe, "best", "block"), top1: numberAt(probe, "best", "top1") },
    rawPixels: numberAt(probe, "baselines", "rawPixels", "top1"),
    stage1: numberAt(probe, "baselines", "stage1", "top1"),
    randomInit: numberAt(probe, "baselines", "randomInit", "top1"),
    majorityClass: numberAt(probe, "baselines", "majorityClass", "top1"),
  };
}

/** What networks said of samples. */
function judgedOf(sampled: Json | undefined) {
  const of = (key: string) => numberAt(sampled, key);
  return {
    gfid: of("gfid"),
    realGfid: numberAt(sampled, "real", "gfid"),
    sampleInceptionScore: numberAt(sampled, "inceptionScore", "mean"),
    precision: of("precision"),
    recall: of("recall"),
    density: of("density"),
    coverage: of("coverage"),
    localFrechet: of("localFrechet"),
    realLocalFrechet: numberAt(sampled, "real", "localFrechet"),
    localPrecision: of("localPrecision"),
    localRecall: of("localRecall"),
    localDensity: of("localDensity"),
    localCoverage: of("localCoverage"),
  };
}

function secondsOf(known: Omit<Summary["seconds"], "total">): Summary["seconds"] {
  const values = Object.values(known).filter((value) => value !== null);
  return { ...known, total: values.length > 0 ? values.reduce((a, b) => a + b, 0) : null };
}

function countOf(folder: FoundFile | undefined): number | null {
  const images = folder?.content["images"];
  return Array.isArray(images) ? images.length : null;
}

/**
 * Every file with its content, runs with their config's words and last metrics; lists of images only counted, and
 * confusions of classes left out.
 */
function listAll(findings: Findings): Summary["found"] {
  const contents = (files: readonly FoundFile[]) => files.map(({ file, content }) => ({ ...content, path: file }));
  const runs = (found: readonly FoundRun[]) =>
    found.map((run) => ({
      ...stageOf(run),
      version: run.config["version"] ?? null,
      options: run.config["options"] ?? null,
    }));
  return {
    tokenizerRuns: runs(findings.tokenizerRuns),
    priorRuns: runs(findings.priorRuns),
    evaluations: contents(findings.evaluations),
    likelihoods: contents(findings.likelihoods),
    samples: contents(findings.samples),
    sampleFolders: findings.sampleFolders.map((folder) => ({
      ...folder.content,
      path: folder.file,
      images: countOf(folder),
    })),
    probes: contents(findings.probes).map(({ confusion: _, ...probe }: Json) => probe),
    encodings: contents(findings.encodings),
  };
}
