/** Trainings of one weight that counts the steps, to see what `runTraining` makes of them. */
import path from "node:path";
import * as assert from "uvu/assert";
import { readMetrics } from "../../lib/files/metricsFile.js";
import { openRun } from "../../lib/files/runDirectory.js";
import { type RunTraining, runTraining, type TrainingReport } from "../../lib/train/runTraining.js";
import type { Trainer } from "../../lib/train/trainer.js";
import { floats } from "../hostTensors.js";
import { inTemporaryFolder } from "../support.js";

/** Adds 1 to its only weight a step; fails or goes bad where told. */
export function countingTrainer(
  start: number,
  { failAt, badFrom }: Faults,
): Trainer & { closed: boolean; rooms: unknown[] } {
  const weight = floats([1], 0);
  return {
    closed: false,
    rooms: [],
    start: async () => {},
    async step(step, room) {
      this.rooms.push(room);
      if (step === failAt) throw new Error("power cut");
      if (badFrom !== undefined && step >= badFrom) return { metrics: {}, applied: false };
      assert.is(weight.data[0], step, `step ${step} follows on ${start}`);
      weight.data[0]! += 1;
      return { metrics: { loss: step }, applied: true };
    },
    takeIntervalMetrics: () => ({ usage: 0.5 }),
    weights: async () => ({ weight }),
    save: async () => ({
      model: { weight },
      state: { double: floats([1], 2 * weight.data[0]!) },
      metadata: { note: "hi" },
    }),
    async restore({ model, state, metadata }) {
      assert.is(state["double"]!.data[0], 2 * model["weight"]!.data[0]!);
      assert.equal(metadata["note"], "hi");
      weight.data.set(model["weight"]!.data);
    },
    async close() {
      this.closed = true;
    },
  };
}

type Faults = { failAt?: number; badFrom?: number };
type Plan = Faults & Partial<RunTraining> & { folder: string };

/** Trains in a folder until it ends, however it ends, and says what was seen on the way. */
export async function train({ folder, failAt, badFrom, ...options }: Plan) {
  const run = await openRun(folder, { mode: options.resume ? "resume" : "new", command: "test" });
  await run.writeConfig({ command: "test" });
  const reports: TrainingReport[] = [];
  const notes: string[] = [];
  const starts: number[] = [];
  const illustrated: number[] = [];
  const trainers: ReturnType<typeof countingTrainer>[] = [];
  const faults = { ...(failAt !== undefined && { failAt }), ...(badFrom !== undefined && { badFrom }) };
  const outcome = await runTraining({
    run,
    resume: false,
    total: 10,
    logEvery: 2,
    checkpointEvery: 4,
    checkpointMinutes: 0,
    patience: 2,
    illustrateEvery: 100,
    batchSize: 8,
    begin: async () => undefined,
    waited: () => 0,
    createTrainer: async (start) => {
      starts.push(start);
      const trainer = countingTrainer(start, faults);
      trainers.push(trainer);
      return trainer;
    },
    illustrate: async (_, step) => {
      illustrated.push(step);
      return { psnr: step };
    },
    onInterval: (report) => reports.push(report),
    onNote: (note) => notes.push(note),
    ...options,
  }).catch((error: unknown) => error as Error);
  await run.close();
  assert.equal(
    trainers.map(({ closed }) => closed),
    trainers.map(() => true),
    "the trainer is closed, whatever happens",
  );
  assert.is(process.listenerCount("SIGUSR1"), 0, "no signal handler stays behind");
  const rooms = trainers.flatMap((trainer) => trainer.rooms);
  return { outcome, reports, notes, starts, illustrated, rooms };
}

export const metricsOf = (folder: string) => readMetrics(path.join(folder, "metrics.jsonl"));
export const stepsOf = async (folder: string) => (await metricsOf(folder)).map(({ step }) => step);
export const inRun = (body: (folder: string) => Promise<void>) => () =>
  inTemporaryFolder((folder) => body(path.join(folder, "run")));
