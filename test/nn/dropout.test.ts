import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { dropout, dropoutScale } from "../../lib/nn/dropout.js";
import { hash32 } from "../../lib/random.js";
import { numbersOf, onCpu } from "./support/eager.js";

const test = suite("nn/dropout");

const factors = (shape: readonly number[], rate: number, seed: number, layer = 0): number[] =>
  onCpu(() => {
    const threshold = Math.round(rate * 65536);
    return numbersOf(dropoutScale(shape, seed, { threshold, scale: 1 / (1 - rate), layer }));
  });

test("a word of the hash decides two elements: its upper half the left one, its lower half the right one", () => {
  const [rows, width, seed, layer] = [3, 6, 99, 4];
  const wanted: number[] = [];
  for (let row = 0; row < rows; row++) {
    const words = [0, 1, 2].map((column) => hash32(row * 3 + column, seed, layer));
    for (const half of [words.map((word) => word >>> 16), words.map((word) => word % 65536)])
      wanted.push(...half.map((bits) => (bits >= 0.5 * 65536 ? 2 : 0)));
  }
  assert.equal(factors([rows, width], 0.5, seed, layer), wanted);
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
