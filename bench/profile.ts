/**
 * Where our train step spends its time: ONNX Runtime's own profile, summed by operator and by shape.
 *
 *     node dist/bench/profile.js [--tokens 1024] [--dim 512] [--depth 8] [--heads 8] [--batch 1] [--threads 2] [--steps 5]
 *
 * Built from the engine's parts, because an engine shows neither its session nor its profile.
 */
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import ort from "onnxruntime-node";
import "../lib/engine/lowerings/index.js";
import { writeModel } from "../lib/engine/onnx.js";
import { sessionOptions } from "../lib/engine/onnxruntime.js";
import { trace } from "../lib/engine/traceBackend.js";
import { positiveInteger, STACK_OPTIONS, stackSize } from "./options.js";
import { gradientStep, gradientStepOptions, initialInputs, type StackSize } from "./trainStack.js";

type KernelRun = { operator: string; shapes: string; milliseconds: number };

const LISTED_SHAPES = 24;

const { values } = parseArgs({ options: { ...STACK_OPTIONS, steps: { type: "string", default: "5" } } });
const steps = positiveInteger("steps", values.steps);
const threads = positiveInteger("threads", values.threads);
const runs = await profile(stackSize(values));
printTotals("operator", runs, ({ operator }) => operator, Number.POSITIVE_INFINITY);
printTotals("operator and shapes", runs, ({ operator, shapes }) => `${operator} ${shapes}`, LISTED_SHAPES);

/** Kernel runs of all steps but the first. */
async function profile(size: StackSize): Promise<KernelRun[]> {
  const folder = await mkdtemp(path.join(tmpdir(), "vitvq-profile-"));
  try {
    const session = await ort.InferenceSession.create(
      writeModel(trace(gradientStep(size), gradientStepOptions(size), "cpu")),
      { ...sessionOptions({ threads }), enableProfiling: true, profileFilePrefix: path.join(folder, "ort") },
    );
    const { params, data } = initialInputs(size, 1);
    const feeds = Object.fromEntries(
      Object.entries({ ...params, ...data }).map(([name, { data: numbers, shape }]) => [
        name,
        new ort.Tensor("float32", numbers as Float32Array, shape),
      ]),
    );
    for (let i = 0; i < steps + 1; i++) await session.run(feeds);
    session.endProfiling();
    await session.release();
    return await readKernelRuns(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type ProfileEvent = {
  cat: string;
  name: string;
  ts: number;
  dur: number;
  args?: { op_name?: string; input_type_shape?: Record<string, number[]>[] };
};

async function readKernelRuns(folder: string): Promise<KernelRun[]> {
  const [file] = await readdir(folder);
  const events = JSON.parse(await readFile(path.join(folder, file!), "utf8")) as ProfileEvent[];
  const firstRun = events.find(({ name }) => name === "model_run")!;
  return events
    .filter(({ name, ts }) => name.endsWith("_kernel_time") && ts > firstRun.ts + firstRun.dur)
    .map(({ dur, args }) => ({
      operator: args?.op_name ?? "unknown",
      shapes: (args?.input_type_shape ?? []).map((shape) => Object.values(shape)[0]!.join("x")).join(" , "),
      milliseconds: dur / 1000,
    }));
}

function printTotals(heading: string, all: KernelRun[], keyOf: (run: KernelRun) => string, limit: number): void {
  const totals = new Map<string, { milliseconds: number; count: number }>();
  for (const run of all) {
    const total = totals.get(keyOf(run)) ?? { milliseconds: 0, count: 0 };
    totals.set(keyOf(run), { milliseconds: total.milliseconds + run.milliseconds, count: total.count + 1 });
  }
  const sum = all.reduce((ms, run) => ms + run.milliseconds, 0);
  process.stdout.write(`\n   ms/step   share  nodes  ${heading} (of ${(sum / steps).toFixed(0)} ms in kernels)\n`);
  const sorted = [...totals].sort(([, a], [, b]) => b.milliseconds - a.milliseconds).slice(0, limit);
  for (const [key, { milliseconds, count }] of sorted) {
    const share = `${((100 * milliseconds) / sum).toFixed(1)}%`;
    const columns = [(milliseconds / steps).toFixed(1).padStart(10), share.padStart(7), `${count / steps}`.padStart(6)];
    process.stdout.write(`${columns.join(" ")}  ${key}\n`);
  }
}
