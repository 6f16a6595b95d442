/** How fast an engine is on this machine, measured in a fraction of a second. */
import * as tf from "@tensorflow/tfjs";
import { sizeOf } from "../shapes.js";
import { exactly, timeRuns } from "../timing.js";
import { freeTensors } from "./freeTensors.js";
import type { Engine, HostTensor, Step, StepOptions } from "./types.js";

export type MachineRates = {
  /** Multiply-adds a second in a matrix product of the sizes that Transformers have. */
  readonly multiplyAdds: number;
  /** Bytes a second that a node with nothing to compute reads and writes. */
  readonly bytes: number;
};

/** What no step can beat. */
export type PeakRates = {
  /** As in `MachineRates`. */
  readonly multiplyAdds: number;
  /** Bytes a second of a row times a large matrix, which is read from memory once. */
  readonly bytes: number;
};

const [ROWS, INNER, COLUMNS] = [1024, 512, 2048];
const [LONG_INNER, LONG_COLUMNS] = [4096, 16384]; // 256 MiB, more than any cache
const ELEMENTS = 2 ** 23;
const REPEATS = 5;

/** Measures an engine; the best of a few runs counts, since others may be using the machine. */
export async function measureRates(engine: Engine): Promise<MachineRates> {
  const multiplyAdds = await productRate(engine, REPEATS);
  // One sum over x, and the same over -x: what the second takes more is one pass that reads and writes.
  const sum = await bestSeconds(engine, ({ x }) => ({ y: tf.sum(x!) }), { x: filled([ELEMENTS]) }, REPEATS);
  const negated = await bestSeconds(engine, ({ x }) => ({ y: tf.sum(tf.neg(x!)) }), { x: filled([ELEMENTS]) }, REPEATS);
  const pass = Math.max(negated - sum, negated / 100);
  return { multiplyAdds, bytes: (2 * 4 * ELEMENTS) / pass };
}

/** Measures what no step can beat; the best of `repeats` runs counts. */
export async function measurePeaks(engine: Engine, repeats: number): Promise<PeakRates> {
  return { multiplyAdds: await productRate(engine, repeats), bytes: await readingRate(engine, repeats) };
}

async function productRate(engine: Engine, repeats: number): Promise<number> {
  const inputs = { a: filled([ROWS, INNER]), b: filled([INNER, COLUMNS]) };
  const best = await bestSeconds(engine, ({ a, b }) => ({ y: tf.sum(tf.matMul(a!, b!)) }), inputs, repeats);
  return (ROWS * INNER * COLUMNS) / best;
}

async function readingRate(engine: Engine, repeats: number): Promise<number> {
  const inputs = { row: filled([1, LONG_INNER]), matrix: filled([LONG_INNER, LONG_COLUMNS]) };
  const best = await bestSeconds(engine, ({ row, matrix }) => ({ y: tf.matMul(row!, matrix!) }), inputs, repeats);
  return (4 * LONG_INNER * LONG_COLUMNS) / best;
}

async function bestSeconds(
  engine: Engine,
  step: Step,
  inputs: Record<string, HostTensor>,
  repeats: number,
): Promise<number> {
  const specs = Object.entries(inputs).map(([name, { dtype, shape }]) => [name, { dtype, shape }] as const);
  const options: StepOptions = { name: "measure", inputs: Object.fromEntries(specs) };
  const program = await engine.compile(step, options);
  try {
    return Math.min(...(await timeRuns(() => program.run(inputs), { enough: exactly(repeats) })));
  } finally {
    await program.dispose();
    freeTensors(inputs); // as large as a model
  }
}

function filled(shape: readonly number[]): HostTensor {
  return { dtype: "float32", shape, data: new Float32Array(sizeOf(shape)).fill(0.5) };
}
