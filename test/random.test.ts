import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  columnNumbers,
  gridOver,
  gridWord,
  hash32,
  permutation,
  rngFrom,
  streamSeed,
  uniformAt,
} from "../lib/random.js";

const test = suite("random");

const word = (x: bigint) => BigInt.asUintN(32, x);
const mixedUp = (x: bigint) => word(x * (2n * x + 1n));
const swapped = (x: bigint) => word((x >> 16n) | (x << 16n));

test("gridWord follows its definition in exact integer arithmetic", () => {
  for (const [row, column] of [
    [0, 0],
    [1, 2],
    [4294967295, 4294967295],
    [3000000000, 2000000000],
  ] as const)
    assert.is(gridWord(row, column), Number(mixedUp(swapped(mixedUp(word(BigInt(row) + BigInt(column)))))));
});

test("a grid joins as many rows as divide them all and make no more than 2048 columns", () => {
  assert.equal(
    [gridOver(12544, 49), gridOver(3136, 512), gridOver(7, 1), gridOver(3, 5000), gridOver(13, 200)],
    [
      [392, 1568],
      [784, 2048],
      [1, 7],
      [3, 5000],
      [13, 200],
    ],
  );
});

test("the numbers of columns are hashes of column and layer", () => {
  assert.equal(columnNumbers(3, 7), [hash32(0, 0, 7), hash32(1, 0, 7), hash32(2, 0, 7)]);
});

test("hash32 follows its definition in exact integer arithmetic", () => {
  const round = (x: bigint) => swapped(mixedUp(x));
  for (const [index, seed, layer] of [
    [0, 0, 0],
    [1, 2, 3],
    [4294967295, 123456789, 77],
    [65536, 4000000000, 9],
  ] as const) {
    let x = round(word(BigInt(index) * 0x9e3779b1n + BigInt(seed)));
    x = round(word(x + BigInt(layer)));
    x = round(word(x + BigInt(seed)));
    assert.is(hash32(index, seed, layer), Number(x));
  }
});

test("uniform draws have the mean and variance of the uniform distribution", () => {
  const n = 200_000;
  let sum = 0;
  let squares = 0;
  for (let i = 0; i < n; i++) {
    const u = uniformAt(i, 42);
    sum += u;
    squares += u * u;
  }
  const mean = sum / n;
  assert.ok(Math.abs(mean - 0.5) < 4 / Math.sqrt(12 * n), `mean ${mean}`);
  assert.ok(Math.abs(squares / n - mean * mean - 1 / 12) < 1e-3);
});

test("normal draws have mean 0, variance 1 and the right tail", () => {
  const rng = rngFrom(9);
  const draws = Array.from({ length: 100_000 }, () => rng.normal());
  const mean = draws.reduce((a, b) => a + b) / draws.length;
  const variance = draws.reduce((a, b) => a + b * b, 0) / draws.length - mean * mean;
  const beyondTwo = draws.filter((x) => Math.abs(x) > 2).length / draws.length;
  assert.ok(Math.abs(mean) < 0.013);
  assert.ok(Math.abs(variance - 1) < 0.02);
  assert.ok(Math.abs(beyondTwo - 0.0455) < 0.003);
});

test("streams differ by name, seed and counter, and repeat exactly", () => {
  const seeds = [streamSeed(1, "order"), streamSeed(2, "order"), streamSeed(1, "dropout"), streamSeed(1, "order", 1)];
  assert.is(new Set(seeds).size, 4);
  assert.is(streamSeed(1, "order", 1), seeds[3]);
});

test("permutation holds every number once and mixes", () => {
  const order = permutation(1000, 5);
  assert.equal(
    [...order].sort((a, b) => a - b),
    Array.from({ length: 1000 }, (_, i) => i),
  );
  const fixed = [...order].filter((value, i) => value === i).length;
  assert.ok(fixed < 10);
  assert.equal(permutation(1000, 5), order);
  assert.not.equal(permutation(1000, 6), order);
});

test.run();
