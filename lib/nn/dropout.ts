import * as tf from "@tensorflow/tfjs";
import { fusedKernel } from "../engine/fusedKernel.js";
import { columnNumbers, gridOver, gridWord, hash32, WORD_HALF } from "../random.js";
import { customGradient } from "./customGradient.js";

/** A dropout layer's place in a step: the seed of the step and a number that tells its layers apart. */
export type Dropout = {
  /** Probability that an element is dropped, in [0, 1). */
  readonly rate: number;
  /** int32 scalar [1]: a new one every step, an input of it (not made inside a function that is differentiated). */
  readonly seed: tf.Tensor;
};

/**
 * Inverted dropout: each element is zeroed with probability `rate`, the others scaled by `1 / (1 - rate)`.
 * Which ones is a counter hash of (seed, layer, position), so a step can be repeated bit by bit on any engine;
 * each 32-bit word decides two elements, 16 bits each.
 * Source: Srivastava et al. 2014.
 * @throws RangeError when `rate` is outside [0, 1)
 */
export function dropout(x: tf.Tensor, { rate, seed }: Dropout, layer: number): tf.Tensor {
  if (rate === 0) return x;
  const threshold = Math.round(rate * WORD_HALF);
  if (!(threshold >= 0 && threshold < WORD_HALF)) throw new RangeError(`dropout: want a rate in [0, 1), got ${rate}`);
  const attributes = { threshold, layer, scale: WORD_HALF / (WORD_HALF - threshold) };
  const scaled = (value: tf.Tensor) =>
    fusedKernel("DropoutScale", {
      inputs: { x: value, seed },
      attributes,
      compose: () => [tf.mul(value, dropoutScale(value.shape, seed.dataSync()[0]!, attributes))],
    })[0]!;
  return customGradient<[tf.Tensor]>(
    {
      forward: (value) => ({ value: scaled(value), saved: [] }),
      backward: (dy) => [dropout(dy, { rate, seed }, layer)],
    },
    x,
  );
}

/**
 * The factors 0 or `scale` for a tensor of `shape`, as the graph makes them, a word for two places of `gridOver`: its upper
 * half decides one of the left half of a row, its lower half the one as far into the right half.
 */
export function dropoutScale(
  shape: readonly number[],
  seed: number,
  { threshold, scale, layer }: { threshold: number; scale: number; layer: number },
): tf.Tensor {
  const size = shape.reduce((a, b) => a * b, 1);
  const [rows, width] = gridOver(size / shape.at(-1)!, shape.at(-1)!);
  const columns = columnNumbers(Math.ceil(width / 2), layer);
  const factors = new Float32Array(size);
  for (let row = 0; row < rows; row++) {
    const number = hash32(row, seed >>> 0);
    for (let column = 0; column < width; column++) {
      const word = gridWord(number, columns[column % columns.length]!);
      const bits = column < columns.length ? word >>> 16 : word & 0xffff;
      if (bits >= threshold) factors[row * width + column] = scale;
    }
  }
  return tf.tensor(factors, [...shape]);
}
