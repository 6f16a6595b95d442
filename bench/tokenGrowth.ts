/** What a training of stage 2 takes until its first step is done, by the size of its token file. */
import { stat } from "node:fs/promises";
import path from "node:path";
import type { MemorySample } from "./memoryWatch.js";
import { type RandomTokens, writeRandomTokens } from "./randomTokens.js";
import { watchedTraining } from "./watchedTraining.js";

export type TokenCost = {
  readonly rows: number;
  readonly fileBytes: number;
  /** From the start of the program to the first record of metrics, and processor seconds of the same. */
  readonly seconds: number;
  readonly processorSeconds: number;
  /** Resident memory then. */
  readonly rss: number;
  /** Of a step after that, and processor seconds of the same. */
  readonly stepSeconds: number;
  readonly stepProcessorSeconds: number;
};

const SHAPE = { grid: [8, 8], vocabulary: 1024, classes: 100 } as const satisfies Omit<RandomTokens, "rows">;
const STEPS = 200;
const MODEL = ["--dim", "16", "--depth", "1", "--heads", "2", "--batch-size", "16"];

/** Writes a file of random rows of 64 codes and trains a tiny Transformer on it. */
export async function tokenCost(folder: string, rows: number, threads: number): Promise<TokenCost> {
  const file = path.join(folder, `${rows}.safetensors`);
  await writeRandomTokens(file, { rows, ...SHAPE });
  const args = [
    "train-vim",
    file,
    ...MODEL,
    "--steps",
    String(STEPS),
    "--log-every",
    "1",
    "--checkpoint-every",
    "1000000",
  ];
  const samples: MemorySample[] = [];
  const training = watchedTraining(path.join(folder, `run-${rows}`), [
    ...args,
    "--threads",
    String(threads),
    "--quiet",
  ]);
  for await (const sample of training) samples.push(sample);
  const [first, last] = [samples[0]!, samples.at(-1)!];
  const { seconds, processorSeconds, rss } = first;
  const steps = last.step - first.step;
  const stepSeconds = (last.seconds - seconds) / steps;
  const stepProcessorSeconds = (last.processorSeconds - processorSeconds) / steps;
  const fileBytes = (await stat(file)).size;
  return { rows, fileBytes, seconds, processorSeconds, rss, stepSeconds, stepProcessorSeconds };
}
