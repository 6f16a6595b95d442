/** How fast an engine is on this machine, measured in a fraction of a second. */
import * as tf from "@tensorflow/tfjs";
import type { Engine, HostTensor, Step, StepOptions } from "./types.js";

export type MachineRates = {
  /** Multiply-adds a second in a matrix product of the sizes that Transformers have. */
  readonly multiplyAdds: number;
  /** Bytes a second that a node with nothing to compute reads and writes. */
  readonly bytes: number;
};

const [ROWS, INNER, COLUMNS] = [1024, 512, 2048];
const ELEMENTS = 2 ** 23;
const REPEATS = 5;

/** Measures an engine; the best of a few runs counts, since others may be using the machine. */
export async function measureRates(engine: Engine): Promise<MachineRates> {
  const product = await secondsOf(engine, ({ a, b }) => ({ y: tf.sum(tf.matMul(a!, b!)) }), {
    a: filled([ROWS, INNER]),
    b: filled([INNER, COLUMNS]),
  });
  // One sum over x, and the same over -x: what the second takes more is one pass that reads and writes.
  const sum = await secondsOf(engine, ({ x }) => ({ y: tf.sum(x!) }), { x: filled([ELEMENTS]) });
  const negated = await secondsOf(engine, ({ x }) => ({ y: tf.sum(tf.neg(x!)) }), { x: filled([ELEMENTS]) });
  const pass = Math.max(negated - sum, negated / 100);
  return { multiplyAdds: (ROWS * INNER * COLUMNS) / product, bytes: (2 * 4 * ELEMENTS) / pass };
}

async function secondsOf(engine: Engine, step: Step, inputs: Record<string, HostTensor>): Promise<number> {
  const specs = Object.entries(inputs).map(([name, { dtype, shape }]) => [name, { dtype, shape }] as const);
  const options: StepOptions = { name: "measure", inputs: Object.fromEntries(specs) };
  const program = await engine.compile(step, options);
  let best = Number.POSITIVE_INFINITY;
  try {
    for (let i = 0; i < REPEATS; i++) {
      const began = performance.now();
      await program.run(inputs);
      best = Math.min(best, (performance.now() - began) / 1000);
    }
  } finally {
    await program.dispose();
  }
  return best;
}

function filled(shape: readonly number[]): HostTensor {
  return { dtype: "float32", shape, data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(0.5) };
}
