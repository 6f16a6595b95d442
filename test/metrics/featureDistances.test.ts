import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { exactDistance, openDistances } from "../../lib/metrics/featureDistances.js";
import { rngFrom } from "../../lib/random.js";
import { expectRejection } from "../support.js";

const test = suite("metrics/featureDistances");

const engine = await createOnnxEngine({ threads: 1 });

function draw(rows: number, dim: number, seed: number, shift = 0): Float32Array {
  const { normal } = rngFrom(seed);
  return Float32Array.from({ length: rows * dim }, () => normal() + shift);
}

test("every pair comes once, in order, no further from the distance in double than the slack", async () => {
  for (const [dim, shift] of [
    [1, 0],
    [19, 3],
    [600, 100],
  ] as const) {
    const [a, b] = [draw(1050, dim, 1, shift), draw(7, dim, 2, shift)]; // more rows than a block has
    const distances = await openDistances(engine, dim);
    const seen: number[] = [];
    let worst = 0;
    await distances.eachRow(a, b, (row, squared, slack) => {
      seen.push(row);
      assert.is(squared.length, 7);
      for (const [j, value] of squared.entries())
        worst = Math.max(worst, Math.abs(value - exactDistance(a, row, b, j, dim)) / slack);
    });
    await distances.close();
    assert.equal(seen, [...Array(1050).keys()]);
    assert.ok(worst <= 1, `${worst} slacks off at width ${dim}`);
    assert.ok(worst > 0, "products are not in double");
  }
});

test("an exact distance by hand", () => {
  assert.is(exactDistance(Float32Array.of(9, 9, 1, 2), 1, Float32Array.of(4, 6, 0, 0), 0, 2), 25);
});

test("refuses rows that do not divide, none at all, and features that are not finite", async () => {
  const distances = await openDistances(engine, 2);
  const sound = new Float32Array(4);
  for (const [rows, message] of [
    [new Float32Array(3), /want rows of 2 features and at least one, got 3/],
    [new Float32Array(0), /at least one, got 0/],
    [Float32Array.of(0, 0, 0, Number.POSITIVE_INFINITY), /row 1 has features that are not finite/],
  ] as const) {
    await expectRejection(
      distances.eachRow(rows, sound, () => {}),
      RangeError,
      message,
    );
    await expectRejection(
      distances.eachRow(sound, rows, () => {}),
      RangeError,
      message,
    );
  }
  await distances.close();
});

test.run();
