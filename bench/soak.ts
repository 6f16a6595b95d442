/**
 * A long training by the program as it is, watched for memory or time that grows.
 *
 *     node dist/bench/soak.js [--stage vq,vim,large] [--steps N] [--threads 2] [--name NAME]
 *
 * A tiny stage 1 trains with discriminator, R1, pictures and checkpoints on images that are decoded anew at every step; a tiny stage
 * 2 with dropout, held-out rows, best weights and checkpoints on a token file, and one of 22 million parameters, whose steps give
 * memory back. 40,000 steps of stage 1, whose memory takes 16,000 to find its size, 10,000 of stage 2 and 600 of the large one,
 * unless `--steps` says otherwise. Prints a line for each tenth of the steps, at whose end
 * garbage is collected: left alone, the heap takes anything between 3,000 and many more steps to reach the size at which that
 * happens. Ends with exit code 1 when over the last 80% resident memory, or the memory in use after collecting, rises by more than
 * 3%, or the processor time of a step by more than 10%: that of processors, because the clock's tells more of other programs,
 * and 10%, because it still varies by several percent beside them. `--name` writes `bench/results/NAME-soak.json`.
 */
import { availableParallelism } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { UsageError } from "../lib/errors.js";
import { median } from "../lib/speed/statistics.js";
import { textTable } from "../lib/ui/table.js";
import type { MemorySample } from "./memoryWatch.js";
import { positiveInteger } from "./options.js";
import { inFolder, print, root, runBenchmark, saveResults } from "./program.js";
import { writeRandomTokens } from "./randomTokens.js";
import { rise } from "./trend.js";
import { watchedTraining } from "./watchedTraining.js";

/** A tenth of the steps: medians over its intervals, times those of a step, memory in bytes; `live` is that at its end. */
type Tenth = Required<MemorySample>;

/** What is judged, and the rises, as shares, that count as growth. */
const MOST = { rss: 0.03, live: 0.03, processorSeconds: 0.1 } as const;

type Judged = keyof typeof MOST;
type Verdict = Readonly<Record<Judged, number>>;

const LOG_EVERY = 10; // steps
const STEPS = { vq: 40_000, vim: 10_000, large: 600 } as const;
const TENTHS = 10;
const SETTLED = 8; // tenths; memory may still find its size in the first two
const JUDGED = Object.keys(MOST) as Judged[];

const TOKENS = { rows: 2000, grid: [4, 4], vocabulary: 64, classes: 4 } as const;
const PRIORS = { vim: { dim: 16, depth: 2, heads: 2 }, large: { dim: 512, depth: 7, heads: 8 } } as const;
const HEADER = ["step", "time a step", "of processors", "resident", "heap", "external", "array buffers", "in use"];

const { values } = parseArgs({
  options: {
    stage: { type: "string", default: "vq,vim,large" },
    steps: { type: "string" },
    threads: { type: "string", default: String(availableParallelism()) },
    name: { type: "string" },
  },
});

await runBenchmark(async () => {
  const wanted = values.steps === undefined ? undefined : positiveInteger("steps", values.steps);
  if ((wanted ?? 0) % (TENTHS * LOG_EVERY) !== 0)
    throw new UsageError(`--steps: want a multiple of 100, got ${wanted}`);
  const stages = values.stage.split(",").map(stageOf);
  const results: Record<string, unknown> = {};
  for (const stage of stages) {
    const steps = wanted ?? STEPS[stage];
    const tenths = await soak(stage, steps);
    const verdict = judge(tenths);
    report(stage, tenths, verdict);
    results[stage] = { steps, verdict, tenths };
    if (JUDGED.some((what) => grows(verdict, what))) process.exitCode = 1;
  }
  if (values.name !== undefined) await saveResults(`${values.name}-soak`, { threads: Number(values.threads), results });
});

type Stage = keyof typeof STEPS;

function stageOf(text: string): Stage {
  if (Object.hasOwn(STEPS, text)) return text as Stage;
  throw new UsageError(`--stage: want some of ${Object.keys(STEPS).join(", ")}, got "${text}"`);
}

async function soak(stage: Stage, steps: number): Promise<Tenth[]> {
  return await inFolder(async (folder) => {
    const tokens = path.join(folder, "tokens.safetensors");
    const args = stage === "vq" ? tokenizerArguments() : await priorArguments(tokens, PRIORS[stage]);
    return await watch(path.join(folder, "run"), [...args, ...runArguments(steps)], steps);
  });
}

function runArguments(steps: number): string[] {
  const every = String(Math.max(LOG_EVERY, Math.round(steps / 40)));
  const counts = ["--steps", String(steps), "--log-every", String(LOG_EVERY), "--threads", values.threads];
  return [...counts, "--checkpoint-every", every, "--sample-every", every, "--quiet"];
}

/** Images of 32 x 32 that are shrunk differently every time, so that none is kept. */
function tokenizerArguments(): string[] {
  const images = path.join(root, "fixtures", "emoji-mini", "train");
  const stack = (side: string) => [`--${side}-dim`, "16", `--${side}-depth`, "1", `--${side}-heads`, "2"];
  return [
    ...["train-vq", images, "--image-size", "16", "--patch-size", "4", "--batch-size", "2"],
    ...["--crop", "random", "--crop-scale", "1,1.125", "--flip"],
    ...[...stack("encoder"), ...stack("decoder"), "--codebook-size", "64", "--code-dim", "4"],
    ...["--discriminator-scale", "0.005"],
  ];
}

async function priorArguments(file: string, size: Readonly<Record<string, number>>): Promise<string[]> {
  await writeRandomTokens(file, TOKENS);
  const model = Object.entries(size).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return ["train-vim", file, "--hold-out", "0.01", ...model, "--batch-size", "4"];
}

/** Trains, and tells of every tenth of the steps when it is over. */
async function watch(run: string, args: readonly string[], steps: number): Promise<Tenth[]> {
  const tenths: Tenth[] = [];
  let samples: MemorySample[] = [];
  for await (const sample of watchedTraining(run, args, { collectEvery: steps / TENTHS })) {
    samples.push(sample);
    if (sample.step < ((tenths.length + 1) * steps) / TENTHS) continue;
    tenths.push(tenthOf(samples));
    process.stderr.write(`${args[0]} ${cells(tenths.at(-1)!).join("  ")}\n`);
    samples = [sample]; // the next tenth's first interval begins where this one ended
  }
  return tenths;
}

function tenthOf(samples: readonly MemorySample[]): Tenth {
  const last = samples.at(-1)!;
  if (last.live === undefined) throw new Error(`soak: no garbage was collected at step ${last.step}`);
  const middle = (name: Exclude<keyof MemorySample, "live">) => median(samples.map((sample) => sample[name]));
  const ofStep = (name: "seconds" | "processorSeconds") =>
    median(samples.slice(1).map((now, i) => (now[name] - samples[i]![name]) / (now.step - samples[i]!.step)));
  return {
    step: last.step,
    seconds: ofStep("seconds"),
    processorSeconds: ofStep("processorSeconds"),
    rss: middle("rss"),
    heapUsed: middle("heapUsed"),
    external: middle("external"),
    arrayBuffers: middle("arrayBuffers"),
    live: last.live,
  };
}

function judge(tenths: readonly Tenth[]): Verdict {
  const riseOf = (what: Judged) => rise(tenths.slice(-SETTLED).map((tenth) => tenth[what]));
  return { rss: riseOf("rss"), live: riseOf("live"), processorSeconds: riseOf("processorSeconds") };
}

function cells({ step, seconds, processorSeconds, ...memory }: Tenth): string[] {
  const { rss, heapUsed, external, arrayBuffers, live } = memory;
  return [
    String(step),
    ...[seconds, processorSeconds].map((value) => `${(1000 * value).toFixed(2)} ms`),
    ...[rss, heapUsed, external, arrayBuffers, live].map((bytes) => `${(bytes / 1e6).toFixed(1)} MB`),
  ];
}

function grows(verdict: Verdict, what: Judged): boolean {
  return verdict[what] > MOST[what];
}

function report(stage: Stage, tenths: readonly Tenth[], verdict: Verdict): void {
  const told = (what: Judged) => {
    const share = verdict[what];
    return `${share < 0 ? "" : "+"}${(100 * share).toFixed(1)}%${grows(verdict, what) ? " (GROWS)" : ""}`;
  };
  print(`\n${stage}`);
  print(textTable({ header: HEADER, rows: tenths.map(cells) }));
  print(
    `over the last 80%: resident memory ${told("rss")}, memory in use ${told("live")}, ` +
      `processor time of a step ${told("processorSeconds")}`,
  );
}
