/**
 * The loader of images alone, and beside the engine.
 *
 *     node dist/bench/loader.js [--case idx-28,png-64,jpeg-256] [--rounds 5] [--trainings 3] [--photos FOLDER]
 *         [--threads 2] [--name NAME]
 *
 * Alone: images a second through decoding, resizing, cropping and mirroring, decoded anew and, where they are kept, from the
 * second epoch on. Beside the engine: trainings by `vitvq train-vq` on these files and, in turn, on the same images as an IDX
 * file, which has nothing to decode: images a second and processor time of both, and the share of the time that steps waited for
 * data. Another case,
 * a long one: `jpeg-256-small`, the paper's Small. Photographs are those of the fixtures, enlarged to 1280 x 1280, unless
 * `--photos` names a folder. `--name` writes `bench/results/NAME-loader.json`.
 */
import { availableParallelism, loadavg } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { openSource } from "../lib/data/source.js";
import { readMetrics } from "../lib/files/metricsFile.js";
import { median } from "../lib/speed/statistics.js";
import { augmentArguments, findLoaderCase, type LoaderCase, USUAL_LOADER_CASES, writeIdx } from "./loaderCases.js";
import { type LoadingRate, measureLoading } from "./loadingRate.js";
import type { MemorySample } from "./memoryWatch.js";
import { positiveInteger } from "./options.js";
import { inFolder, print, runBenchmark, saveResults } from "./program.js";
import { watchedTraining } from "./watchedTraining.js";

type Training = LoadingRate & { readonly dataWait: number };

type Result = {
  readonly images: number;
  /** Each image decoded at every epoch. */
  readonly anew: LoadingRate;
  /** From the second epoch on. */
  readonly kept: LoadingRate;
  readonly files: readonly Training[];
  /** Empty where the files are an IDX file already. */
  readonly memory: readonly Training[];
  readonly loadAverage: { readonly before: number; readonly after: number };
};

const { values } = parseArgs({
  options: {
    case: { type: "string", default: USUAL_LOADER_CASES.join(",") },
    rounds: { type: "string", default: "5" },
    trainings: { type: "string", default: "3" },
    photos: { type: "string" },
    threads: { type: "string", default: String(availableParallelism()) },
    name: { type: "string" },
  },
});

await runBenchmark(async () => {
  const names = values.case.split(",");
  const cases = names.map(findLoaderCase);
  if (values.photos !== undefined) await openSource(values.photos); // what is not there is told before minutes have passed
  const results: Record<string, Result> = {};
  for (const [i, one] of cases.entries()) {
    const result = await inFolder((folder) => measure(one, folder));
    results[names[i]!] = result;
    print(`\n${names[i]}: ${describe(result)}`);
    if (values.name !== undefined)
      await saveResults(`${values.name}-loader`, { threads: Number(values.threads), results });
  }
});

async function measure(one: LoaderCase, folder: string): Promise<Result> {
  const before = loadavg()[0]!;
  const data = await one.images(path.join(folder, "images"), values.photos);
  const source = await openSource(data);
  const loading = { source, view: one.view, augment: one.augment, batchSize: one.batchSize, seed: 1 };
  const rounds = { rounds: positiveInteger("rounds", values.rounds), seconds: 1 };
  const anew = await measureLoading({ ...loading, cacheBytes: 0 }, { ...rounds, before: 5 * one.batchSize });
  const kept = await measureLoading(loading, { ...rounds, before: 2 * source.count });
  const [files, memory]: [Training[], Training[]] = [[], []];
  const idx = path.join(folder, "images-idx4-ubyte");
  if (source.kind !== "idx") await writeIdx(idx, source, one.view);
  for (let round = 0; round < positiveInteger("trainings", values.trainings); round++) {
    files.push(await train(one, data, augmentArguments(one.augment)));
    if (source.kind !== "idx") memory.push(await train(one, idx, ["--flip"]));
  }
  return { images: source.count, anew, kept, files, memory, loadAverage: { before, after: loadavg()[0]! } };
}

/** Pace and waiting of a training's last two thirds. */
async function train(one: LoaderCase, data: string, augment: readonly string[]): Promise<Training> {
  const { batchSize, steps, training } = one;
  return await inFolder(async (folder) => {
    const run = path.join(folder, "run");
    const size = ["--batch-size", String(batchSize), "--steps", String(steps), "--log-every", String(steps / 3)];
    const unsaved = ["--checkpoint-every", "1000000", "--sample-every", "1000000", "--quiet"];
    const samples: MemorySample[] = [];
    const args = ["train-vq", data, ...training, ...augment, ...size, ...unsaved, "--threads", values.threads];
    for await (const sample of watchedTraining(run, args)) samples.push(sample);
    const waits = (await readMetrics(path.join(run, "metrics.jsonl"))).slice(1).map((record) => record["dataWait"]);
    const images = (batchSize * steps) / 3;
    const intervals = samples.slice(1).map((now, i) => {
      const before = samples[i]!;
      const seconds = now.seconds - before.seconds;
      return {
        seconds,
        processorSeconds: now.processorSeconds - before.processorSeconds,
        waited: seconds * Number(waits[i]),
      };
    });
    if (intervals.length !== 2) throw new Error(`loader: want 3 samples of a training, got ${samples.length}`);
    const sum = (name: "seconds" | "processorSeconds" | "waited") => intervals.reduce((all, one) => all + one[name], 0);
    return {
      imagesPerSecond: (2 * images) / sum("seconds"),
      processorSeconds: sum("processorSeconds") / (2 * images),
      dataWait: sum("waited") / sum("seconds"),
    };
  });
}

function describe({ images, anew, kept, files, memory, loadAverage }: Result): string {
  const rate = ({ imagesPerSecond, processorSeconds }: LoadingRate) =>
    `${imagesPerSecond.toPrecision(3)} images/s, ${(1000 * processorSeconds).toPrecision(3)} ms of processors an image`;
  const waits = files.map(({ dataWait }) => `${(100 * dataWait).toFixed(2)}%`).join(", ");
  return [
    `${images} images, load ${loadAverage.before.toFixed(1)}`,
    `  alone, anew    ${rate(anew)}`,
    `  alone, later   ${rate(kept)}`,
    `  training       ${rate(middleOf(files))}; waiting ${waits}`,
    ...(memory.length === 0 ? [] : [`  without files  ${rate(middleOf(memory))}`]),
  ].join("\n");
}

function middleOf(runs: readonly LoadingRate[]): LoadingRate {
  const middle = (name: keyof LoadingRate) => median(runs.map((run) => run[name]));
  return { imagesPerSecond: middle("imagesPerSecond"), processorSeconds: middle("processorSeconds") };
}
