import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { PriorTrainer } from "../../lib/train/priorTrainer.js";
import { SCORED_ROWS, validationNll } from "../../lib/train/validation.js";

const test = suite("train/validation");

/** The rows that are read of `count`, batch by batch; the score of a batch is the mean of its row numbers. */
async function scored(count: number, batchSize: number) {
  const read: number[] = [];
  const trainer = {
    evaluate: async ({ labels }: { labels: Int32Array }) => labels.reduce((sum, one) => sum + one, 0) / labels.length,
  } as unknown as PriorTrainer;
  const validation = {
    count,
    on: "rows",
    read: async (rows: Int32Array) => {
      read.push(...rows);
      return { codes: new Int32Array(rows.length), labels: rows };
    },
  };
  return { nll: await validationNll(trainer, validation, batchSize), read };
}

test("every row of a small set is scored, the last ones too, and few twice", async () => {
  const { read, nll } = await scored(248, 32);
  assert.is(read.length, 256);
  assert.equal(
    [...new Set(read)],
    Array.from({ length: 248 }, (_, row) => row),
  );
  assert.ok(Math.abs(nll - 247 / 2) < 1, `${nll}`);
});

test("of a large set rows from all over it are scored, to its end", async () => {
  const { read } = await scored(50_000, 32);
  assert.is(read.length, SCORED_ROWS);
  for (let part = 0; part < 10; part++) {
    const inside = read.filter((row) => row >= part * 5000 && row < (part + 1) * 5000).length;
    assert.ok(Math.abs(inside - SCORED_ROWS / 10) <= 2, `${inside} of part ${part}`);
  }
  assert.is(new Set(read).size, SCORED_ROWS);
});

test("a set smaller than a batch fills it", async () => {
  assert.equal((await scored(3, 6)).read, [0, 0, 1, 1, 2, 2]);
});

test.run();
