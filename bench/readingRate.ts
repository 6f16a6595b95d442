/** How fast this machine reads memory. */
import * as tf from "@tensorflow/tfjs";
import type { Engine, HostTensor } from "../lib/engine/types.js";

const [INNER, COLUMNS] = [4096, 16384]; // 256 MiB, more than any cache
const REPEATS = 7;

/** Bytes a second of a row times a large matrix, which is read once; the best of a few runs. */
export async function readingRate(engine: Engine): Promise<number> {
  const filled = (shape: [number, number]): HostTensor => {
    return { dtype: "float32", shape, data: new Float32Array(shape[0] * shape[1]).fill(0.5) };
  };
  const inputs = { row: filled([1, INNER]), matrix: filled([INNER, COLUMNS]) };
  const program = await engine.compile(({ row, matrix }) => ({ y: tf.matMul(row!, matrix!) }), {
    name: "read",
    inputs: Object.fromEntries(Object.entries(inputs).map(([name, { dtype, shape }]) => [name, { dtype, shape }])),
  });
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < REPEATS; i++) {
    const began = performance.now();
    await program.run(inputs);
    best = Math.min(best, (performance.now() - began) / 1000);
  }
  await program.dispose();
  return (4 * INNER * COLUMNS) / best;
}
