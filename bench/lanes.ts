/**
 * What lanes gain: whole training steps, updates included, in one lane and in several, in turn, in one process.
 *
 *     node dist/bench/lanes.js [--case train-vq-ae,train-vim] [--size tiny] [--batch 64] [--lanes 2] [--rounds 6]
 *         [--steps 4] [--threads 2] [--name NAME]
 *
 * A round is a turn of each; figures are medians over all steps, and the median of the rounds' own ratios. `--size` names
 * the sizes of `vitvq bench`, `--batch` another number of images than theirs. `--name` writes `bench/results/NAME-lanes.json`.
 */
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { openEngine } from "../lib/engine/open.js";
import { UsageError } from "../lib/errors.js";
import type { Means, Prepared } from "../lib/speed/measurement.js";
import { SPEED_SIZES, type SpeedSize } from "../lib/speed/sizes.js";
import { median } from "../lib/speed/statistics.js";
import { priorTraining, tokenizerTraining } from "../lib/speed/training.js";
import { secondsOf } from "../lib/timing.js";
import { textTable } from "../lib/ui/table.js";
import { positiveInteger } from "./options.js";
import { print, runBenchmark, saveResults, vitvq } from "./program.js";

const CASES: Readonly<Record<string, (means: Means) => Promise<Prepared>>> = {
  "train-vq-ae": (means) => tokenizerTraining(means, "ae"),
  "train-vq-full": (means) => tokenizerTraining(means, "full"),
  "train-vim": priorTraining,
};

/** Of either side: seconds of its steps, a list for each round. */
type Timings = { readonly one: readonly number[][]; readonly several: readonly number[][]; readonly images: number };

const { values } = parseArgs({
  options: {
    case: { type: "string", default: "train-vq-ae,train-vim" },
    size: { type: "string", default: "tiny" },
    batch: { type: "string" },
    lanes: { type: "string", default: "2" },
    rounds: { type: "string", default: "6" },
    steps: { type: "string", default: "4" },
    threads: { type: "string", default: String(availableParallelism()) },
    name: { type: "string" },
  },
});

await runBenchmark(async () => {
  const results: Record<string, unknown> = {};
  const rows: string[][] = [];
  for (const name of values.case.split(",")) {
    const { images, ...timings } = await compare(name);
    const [one, several] = [median(timings.one.flat()), median(timings.several.flat())];
    const paired = median(timings.one.map((round, i) => median(round) / median(timings.several[i]!)));
    results[name] = { images, one, several, ratio: one / several, paired, timings };
    const milliseconds = [one, several].map((seconds) => (1000 * seconds).toFixed(0));
    rows.push([name, ...milliseconds, (one / several).toFixed(2), paired.toFixed(2)]);
  }
  print(textTable({ header: ["step", "1 lane, ms", `${values.lanes} lanes, ms`, "medians", "paired"], rows }));
  const { size, lanes, threads } = values;
  if (values.name !== undefined) await saveResults(`${values.name}-lanes`, { size, lanes, threads, results });
});

async function compare(name: string): Promise<Timings> {
  const create = CASES[name];
  if (!create) throw new UsageError(`--case: want some of ${Object.keys(CASES).join(", ")}, got "${name}"`);
  const [rounds, steps] = [positiveInteger("rounds", values.rounds), positiveInteger("steps", values.steps)];
  const engine = await openEngine("onnxruntime", { threads: positiveInteger("threads", values.threads) });
  const means = { size: sizeOf(), openEngine: async () => engine, binary: vitvq };
  const sides = {
    one: await create({ ...means, lanes: 1 }),
    several: await create({ ...means, lanes: positiveInteger("lanes", values.lanes) }),
  };
  const timings = { one: [] as number[][], several: [] as number[][] };
  const turn = async (side: keyof typeof sides): Promise<number[]> => {
    const seconds: number[] = [];
    for (let i = 0; i < steps; i++) seconds.push(await secondsOf(() => sides[side].run()));
    return seconds;
  };
  for (const side of ["one", "several"] as const) await turn(side); // warm
  for (let round = 0; round < rounds; round++)
    for (const side of ["one", "several"] as const) timings[side].push(await turn(side));
  for (const side of Object.values(sides)) await side.close();
  return { ...timings, images: sides.one.items };
}

/** The size asked for, with the batch asked for. */
function sizeOf(): SpeedSize {
  const size = SPEED_SIZES[values.size as keyof typeof SPEED_SIZES];
  if (!size) throw new UsageError(`--size: want ${Object.keys(SPEED_SIZES).join(" or ")}, got "${values.size}"`);
  if (values.batch === undefined) return size;
  const batch = positiveInteger("batch", values.batch);
  return { ...size, priorBatch: batch, stage1: { ...size.stage1, batch } };
}
