/**
 * `evaluate` of samples: their nearest training images say whether they show their class and whether they are copies,
 * networks say how alike they and the training images are as sets.
 */
import path from "node:path";
import { decodeImage } from "../../lib/data/decode.js";
import type { ImageSource } from "../../lib/data/source.js";
import { thinned } from "../../lib/data/thinned.js";
import { centredView } from "../../lib/data/view.js";
import { writeAtomically, writeJson } from "../../lib/files/atomic.js";
import { encodePng } from "../../lib/ui/canvas.js";
import { formatInteger } from "../../lib/ui/format.js";
import { tellAndKeep } from "../support/keptResult.js";
import { openImages } from "../support/openImages.js";
import { pairGrid, pictureLayout } from "../support/pictures.js";
import { openReporter } from "../support/reporter.js";
import { createSpread } from "../support/spread.js";
import { version } from "../support/version.js";
import { leftOut } from "./damagedImages.js";
import type { EvaluateContext } from "./evaluate.js";
import { type Judges, readJudges } from "./evaluateJudges.js";
import type { Originals } from "./evaluateStatistics.js";
import { type Found, type Loaded, loadImages, type Reading, searchNearest } from "./neighbourSearch.js";
import { judgedFigures, judgedProtocol } from "./sampleFigures.js";
import { openSampleFolder, type SampleFolder } from "./sampleFolder.js";
import { judgeSamples } from "./sampleJudgement.js";
import { expectKnownClasses, scoreSet } from "./sampleScores.js";
import { samplesSummary } from "./samplesSummary.js";

/**
 * Root mean square gap below which two images count as the same: 8 levels of 255, which rounding and light compression
 * stay under and different photographs do not.
 */
const COPY_DISTANCE = 0.03;

export async function evaluateSamples(
  context: EvaluateContext,
  paths: { samples: string; reference: string },
): Promise<void> {
  const { config, dryRun, result, warn } = context;
  const samples = await openSampleFolder(paths.samples);
  const reference = await openImages(paths.reference, { labels: config.labels, warn });
  const real = config.real === undefined ? undefined : await openImages(config.real, { warn });
  expectKnownClasses(samples.source, reference);
  if (real) expectKnownClasses(real, reference);
  const originals = originalsOf(context, { samples, reference });
  const judges = await readJudges(config, originals);
  if (dryRun)
    return result(
      { dryRun: true, samples: samples.source.count, referenceImages: reference.count },
      `would compare ${formatInteger(samples.source.count)} samples with ${formatInteger(reference.count)} images`,
    );
  const began = performance.now();
  const search = await compare(context, { samples, reference, real, judges, originals });
  const { scores, realScores, judgement, loaded, found } = search;
  const figures = {
    command: "evaluate",
    version: version(),
    sampleFolder: path.resolve(paths.samples),
    reference: path.resolve(paths.reference),
    referenceImages: search.compared,
    imageSize: samples.size,
    channels: samples.channels,
    copyDistance: config.copyDistance ?? COPY_DISTANCE,
    damaged: search.damaged,
    ...scores,
    ...judgedFigures(judgement, "samples"),
    ...(real && realScores
      ? { real: { data: path.resolve(real.path), ...realScores, ...judgedFigures(judgement, "real") } }
      : {}),
    ...judgedProtocol(judgement, judges),
    seconds: (performance.now() - began) / 1000,
  };
  await tellAndKeep(context, { figures, text: samplesSummary(figures) }, async () => {
    if (config.out === undefined) return;
    const picture = await neighbourPicture({ samples, reference, loaded, found, resize: config.resize });
    await writeAtomically(path.join(config.out, "neighbours.png"), await encodePng(picture));
    await writeJson(path.join(config.out, "samples.json"), figures);
  });
}

/** The reference, as statistics of its features name it. */
function originalsOf(
  { config }: EvaluateContext,
  { samples, reference }: Pick<Compared, "samples" | "reference">,
): Originals {
  const { size: imageSize, channels } = samples;
  const { resize } = config;
  return { data: path.resolve(reference.path), images: reference.count, imageSize, channels, resize };
}

type Compared = {
  samples: SampleFolder;
  reference: ImageSource;
  real: ImageSource | undefined;
  judges: Judges;
  originals: Originals;
};

async function compare(context: EvaluateContext, { samples, reference, real, judges, originals }: Compared) {
  const { config } = context;
  const reporter = await openReporter(context);
  try {
    const reading: Reading = {
      size: samples.size,
      channels: samples.channels,
      resize: config.resize,
      batchSize: config.batchSize,
      strict: config.strict,
      onDamaged: leftOut((warning) => reporter.warn(warning)),
    };
    const loaded = await loadImages(samples.source, reading, config.limit);
    const others = real && (await loadImages(real, reading, config.limit));
    const bar = reporter.bar({ total: reference.count, unit: "images", label: "comparing" });
    const queries = [loaded, ...(others ? [others] : [])].map(({ pixels }) => pixels);
    const search = await searchNearest(queries, {
      references: reference,
      reading,
      onProgress: (references) => bar.update(references),
    });
    bar.stop();
    const sets = {
      samples: thinned(samples.source, loaded.indices),
      reference,
      real: real && others && thinned(real, others.indices),
    };
    const judgement = await judgeSamples(context, { judges, sets, originals, reading, reporter });
    const [found, realFound] = search.found;
    const copyDistance = config.copyDistance ?? COPY_DISTANCE;
    const scoresOf = (source: ImageSource, { indices }: Loaded, nearest: Found) =>
      scoreSet({ source, indices, nearest, reference, copyDistance });
    return {
      loaded,
      found: found!,
      compared: search.compared,
      damaged: search.damaged + loaded.damaged + (others?.damaged ?? 0),
      scores: scoresOf(samples.source, loaded, found!),
      realScores: real && others && realFound && scoresOf(real, others, realFound),
      judgement,
    };
  } finally {
    reporter.stop();
  }
}

type Pictured = {
  samples: SampleFolder;
  reference: ImageSource;
  loaded: Loaded;
  found: Found;
  resize: "cover" | "squash";
};

/** Some samples over their nearest training images. */
async function neighbourPicture({ samples, reference, loaded, found, resize }: Pictured) {
  const { source, size, channels } = samples;
  const labels = Array.from(loaded.indices, (index) => source.label(index));
  const { columns, shown } = pictureLayout(new Set(labels).size);
  const spread = createSpread<number>(shown);
  for (const [row, label] of labels.entries()) spread.offer(label, () => row);
  const chosen = spread.items();
  const view = centredView({ size, channels }, resize);
  const pixels = size ** 2 * channels;
  const pairs = await Promise.all(
    chosen.map(async ({ item: row }) => {
      const nearest = await decodeImage(reference.input(found.indices[row]!), view);
      return [loaded.pixels.subarray(row * pixels, (row + 1) * pixels), nearest] as const;
    }),
  );
  const byColumn = chosen.every(({ label }, i) => label >= 0 && label === chosen[i % columns]?.label);
  const names = chosen.slice(0, columns).map(({ label }) => source.classNames?.[label] ?? String(label));
  return pairGrid({
    pairs,
    names: ["sample", "nearest"],
    size: { height: size, width: size, channels },
    columns,
    ...(byColumn ? { columnLabels: names } : {}),
  });
}
