import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { dropout, dropoutScale } from "../../lib/nn/dropout.js";
import { gridWord, hash32 } from "../../lib/random.js";
import { numbersOf, onCpu } from "./support/eager.js";

const test = suite("nn/dropout");

const factors = (shape: readonly number[], rate: number, seed: number, layer = 0): number[] =>
  onCpu(() => {
    const threshold = Math.round(rate * 65536);
    return numbersOf(dropoutScale(shape, seed, { threshold, scale: 1 / (1 - rate), layer }));
  });

test("a word of the grid decides two elements: its upper half the left one, its lower half the right one", () => {
  const [seed, layer] = [99, 4];
  for (const [shape, rows, width] of [
    [[3, 2100], 3, 2100],
    [[2, 3, 701], 3, 1402], // two rows of 701 in one
    [[7, 5], 1, 35],
  ] as const) {
    const half = Math.ceil(width / 2);
    const wanted = Array.from({ length: rows * width }, (_, i) => {
      const [row, column] = [Math.floor(i / width), i % width];
      const word = gridWord(hash32(row, seed), hash32(column % half, 0, layer));
      return (column < half ? word >>> 16 : word % 65536) >= 0.5 * 65536 ? 2 : 0;
    });
    assert.equal(factors(shape, 0.5, seed, layer), wanted);
  }
});

test("the share that is dropped is the rate, and the mean stays 1", () => {
  const n = 1 << 17;
  for (const [rate, width] of [
    [0.1, 64],
    [0.5, 129],
    [0.9, 1],
  ] as const) {
    const found = factors([Math.floor(n / width), width], rate, 7);
    const dropped = found.filter((factor) => factor === 0).length / found.length;
    const spread = Math.sqrt((rate * (1 - rate)) / found.length);
    assert.ok(Math.abs(dropped - rate) < 4 * spread, `rate ${rate}: dropped ${dropped}`);
    const mean = found.reduce((a, b) => a + b, 0) / found.length;
    assert.ok(Math.abs(mean - 1) < (4 * spread) / (1 - rate), `rate ${rate}: mean ${mean}`);
  }
});

test("no two rows and no two columns agree more often than by chance, nor columns of two layers", () => {
  const [rows, width, rate] = [1024, 96, 0.3];
  const dropped = (layer: number) => factors([rows, width], rate, 11, layer).map((factor) => factor === 0);
  const [mask, other] = [dropped(0), dropped(1)];
  const lines = (of: boolean[], count: number, at: (line: number, i: number) => number, length: number) =>
    Array.from({ length: count }, (_, line) => Array.from({ length }, (__, i) => of[at(line, i)]!));
  const rowsOf = (of: boolean[]) => lines(of, 256, (row, column) => row * width + column, width);
  const columnsOf = (of: boolean[]) => lines(of, width, (column, row) => row * width + column, rows);
  const [someRows, columns] = [rowsOf(mask), columnsOf(mask)];
  for (const [name, left, right] of [
    ["rows", someRows, someRows],
    ["columns", columns, columns],
    ["columns of two layers", columns, columnsOf(other)],
  ] as const) {
    let [largest, squares, pairs] = [0, 0, 0];
    left.forEach((a, i) => {
      for (const b of right.slice(left === right ? i + 1 : 0)) {
        const both = a.filter((value, k) => value && b[k]).length;
        const deviation = (both - a.length * rate ** 2) / Math.sqrt(a.length * rate ** 2 * (1 - rate ** 2));
        largest = Math.max(largest, Math.abs(deviation));
        squares += deviation ** 2;
        pairs++;
      }
    });
    assert.ok(largest < 6, `${name}: one pair is ${largest} deviations off`);
    assert.ok(Math.abs(squares / pairs - 1) < 0.1, `${name}: mean square ${squares / pairs}`);
  }
});

test("neighbours, rows, seeds and layers are independent", () => {
  const [rows, width] = [512, 128];
  const mask = (seed: number, layer: number) => factors([rows, width], 0.5, seed, layer).map((factor) => factor - 1);
  const base = mask(1, 0);
  const shifted = (by: number) => base.map((_, i) => base[(i + by) % base.length]!);
  const others = [mask(2, 0), mask(1, 1), mask(-1, 0), shifted(1), shifted(64), shifted(width), shifted(8 * width)];
  others.forEach((other, i) => {
    const correlation = base.reduce((sum, value, j) => sum + value * other[j]!, 0) / base.length;
    assert.ok(Math.abs(correlation) < 4 / Math.sqrt(base.length), `comparison ${i}: correlation ${correlation}`);
  });
});

test("kept elements are scaled by 1 / (1 - rate), and the gradient has the same factors", () => {
  onCpu(() => {
    const seed = tf.tensor1d([5], "int32");
    const x = tf.tensor2d([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], [2, 5]);
    const f = (a: tf.Tensor) => dropout(a, { rate: 0.25, seed }, 3);
    const y = numbersOf(f(x));
    const wanted = factors([2, 5], 0.25, 5, 3);
    assert.ok(wanted.includes(0) && wanted.some((factor) => factor > 1));
    assert.equal(
      y,
      wanted.map((factor, i) => Math.fround(factor * (i + 1))),
    );
    assert.equal(numbersOf(tf.grad((a) => tf.sum(f(a)))(x)), wanted);
    const curved = tf.grad((a) => tf.sum(tf.square(f(a))));
    const second = numbersOf(tf.grad((a) => tf.sum(curved(a)))(x));
    assert.equal(
      second,
      wanted.map((factor) => Math.fround(2 * factor * factor)),
      "and so has the second one",
    );
  });
});

test("a rate of 0 returns the tensor itself", () => {
  onCpu(() => {
    const x = tf.tensor1d([1, 2]);
    assert.is(dropout(x, { rate: 0, seed: tf.tensor1d([1], "int32") }, 0), x);
  });
});

test("rates outside [0, 1) are refused", () => {
  for (const rate of [-0.1, 1, 1.5, Number.NaN])
    assert.throws(
      () => onCpu(() => dropout(tf.ones([2]), { rate, seed: tf.tensor1d([1], "int32") }, 0)),
      new RegExp(`want a rate in \\[0, 1\\), got ${rate}`),
    );
});

test("the graph makes the same bits, for any width, seed and layer", async () => {
  const shapes = [[1], [7], [3, 1], [5, 2], [4, 33], [2, 3, 5], [2, 2, 3, 16]];
  const seeds = [0, 1, -1, 2 ** 31 - 1, -(2 ** 31)];
  const engine = await createOnnxEngine({ threads: 1, spinning: false });
  const program = await engine.compile(
    ({ seed }) =>
      Object.fromEntries(
        shapes.map((shape, i) => [`y${i}`, dropout(tf.ones(shape), { rate: 0.3, seed: seed! }, 1000 * i)]),
      ),
    { name: "bits", inputs: { seed: { dtype: "int32", shape: [1] } } },
  );
  const scale = 65536 / (65536 - Math.round(0.3 * 65536));
  for (const seed of seeds) {
    const found = await program.run({ seed: { dtype: "int32", shape: [1], data: Int32Array.of(seed) } });
    shapes.forEach((shape, i) => {
      const wanted = onCpu(() =>
        numbersOf(dropoutScale(shape, seed, { threshold: Math.round(0.3 * 65536), scale, layer: 1000 * i })),
      );
      assert.equal([...found[`y${i}`]!.data], wanted, `seed ${seed}, shape ${shape}`);
    });
  }
  await program.dispose();
});

test.run();
