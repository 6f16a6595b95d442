import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  column,
  displayWidth,
  formatBytes,
  formatCount,
  formatDuration,
  formatInteger,
  formatPercent,
  formatRate,
  formatRemaining,
  formatSignificant,
} from "../../lib/ui/format.js";

const test = suite("format");

/** Compares many at once: [input, wanted text]. */
function expectAll(format: (value: number) => string, wanted: readonly (readonly [number, string])[]): void {
  assert.equal(
    wanted.map(([value]) => `${value} -> ${format(value)}`),
    wanted.map(([value, text]) => `${value} -> ${text}`),
  );
}

test("time spans have one or two units", () => {
  expectAll(formatDuration, [
    [0, "0 ms"],
    [0.35, "350 ms"],
    [0.9996, "1.0 s"],
    [4.23, "4.2 s"],
    [9.96, "10 s"],
    [59.6, "1m 00s"],
    [200, "3m 20s"],
    [3599.7, "1h 00m"],
    [7500, "2h 05m"],
    [86399, "1d 00h"],
    [273600, "3d 04h"],
    [Number.NaN, "-"],
    [Number.POSITIVE_INFINITY, "-"],
    [-1, "-"],
  ]);
});

test("time left is told in whole seconds", () => {
  expectAll(formatRemaining, [
    [0.2, "0 s"],
    [2.6, "3 s"],
    [59.7, "1m 00s"],
    [200, "3m 20s"],
    [Number.NaN, "-"],
  ]);
});

test("counts are full when small and in three digits when large", () => {
  expectAll(formatInteger, [
    [0, "0"],
    [60000, "60,000"],
    [-1234.4, "-1,234"],
    [Number.NaN, "nan"],
  ]);
  expectAll(formatCount, [
    [950, "950"],
    [9999, "9,999"],
    [12345, "12.3 k"],
    [999499, "999 k"],
    [999600, "1.00 M"],
    [50.9e6, "50.9 M"],
    [1.7e9, "1.70 B"],
  ]);
});

test("bytes are in decimal units", () => {
  expectAll(formatBytes, [
    [0, "0 B"],
    [512, "512 B"],
    [64000, "64.0 kB"],
    [999950, "1.0 MB"],
    [132e6, "132 MB"],
    [1.2e9, "1.2 GB"],
  ]);
});

test("rates and shares have three digits", () => {
  expectAll(
    (value) => formatRate(value, "images"),
    [
      [1234.5, "1,230 images/s"],
      [12.34, "12.3 images/s"],
      [0.02134, "0.0213 images/s"],
    ],
  );
  expectAll(formatPercent, [
    [0.913, "91.3%"],
    [1, "100.0%"],
    [Number.NaN, "nan"],
  ]);
});

test("measured numbers keep their significant digits", () => {
  expectAll(formatSignificant, [
    [0.0123, "0.01230"],
    [12.3, "12.30"],
    [999.96, "1,000"],
    [12345, "12,350"],
    [0.0000123, "1.230e-5"],
    [-0.5, "-0.5000"],
    [0, "0"],
    [1.5e6, "1.500e6"],
    [Number.NaN, "nan"],
    [Number.NEGATIVE_INFINITY, "-inf"],
  ]);
});

test("columns are filled up on either side by what a terminal shows", () => {
  assert.is(column("ab", 4), "ab  ");
  assert.is(column("ab", 4, "right"), "  ab");
  assert.is(column("abcde", 4), "abcde");
  assert.is(column("猫", 4, "right"), "  猫");
  assert.equal(["é", "e\u0301", "猫", "😀", "ab"].map(displayWidth), [1, 1, 2, 2, 2]);
});

test.run();
