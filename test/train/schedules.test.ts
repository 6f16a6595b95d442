import { readFile } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { warmupCosine, warmupHoldExponential } from "../../lib/train/schedules.js";
import { expectClose, fixture } from "../support.js";

const test = suite("train/schedules");

test("warm-up and cosine follow the paper's stage 1 formula", async () => {
  const text = await readFile(fixture("golden", "losses.json"), "utf8");
  const { paper_schedule_stage1: golden } = JSON.parse(text) as {
    paper_schedule_stage1: { peak: number; final: number; warmup: number; total: number; lr: [number, number][] };
  };
  const schedule = warmupCosine(golden);
  for (const [step, rate] of golden.lr) {
    if (step === 0) continue;
    // The formula warms up from 0 at step 0, where an update would do nothing; here step 0 is its step 1.
    const got = schedule(step < golden.warmup ? step - 1 : step);
    expectClose([got], [rate], `step ${step}`, { relative: 1e-12 });
  }
});

test("a cosine by hand: 4 steps of warm-up, 8 down from 1 to 0.2", () => {
  const schedule = warmupCosine({ peak: 1, final: 0.2, warmup: 4, total: 12 });
  const rates = [0, 1, 2, 3, 4, 8, 12, 20].map(schedule);
  expectClose(rates, [0.25, 0.5, 0.75, 1, 1, 0.6, 0.2, 0.2], "rates", { absolute: 1e-12 });
});

test("the exponential holds the peak, is at the geometric mean halfway, and ends at the final rate", () => {
  const schedule = warmupHoldExponential({ peak: 4.5e-4, final: 1e-5, warmup: 5000, hold: 80_000, total: 450_000 });
  const rates = [0, 2499, 4999, 5000, 80_000, 265_000, 450_000, 500_000].map(schedule);
  const middle = Math.sqrt(4.5e-4 * 1e-5);
  const want = [9e-8, 2.25e-4, 4.5e-4, 4.5e-4, 4.5e-4, middle, 1e-5, 1e-5];
  for (const [i, rate] of rates.entries()) expectClose([rate], [want[i]!], `rate ${i}`, { relative: 1e-9 });
});

test("no schedule jumps: not without warm-up, nor with one that outlasts the hold", () => {
  const options = { peak: 1, final: 0.1, total: 1000 };
  const schedules = [
    warmupCosine({ ...options, warmup: 0 }),
    warmupCosine({ ...options, warmup: 500 }),
    warmupHoldExponential({ ...options, warmup: 0, hold: 0 }),
    warmupHoldExponential({ ...options, warmup: 100, hold: 300 }),
    warmupHoldExponential({ ...options, warmup: 500, hold: 180 }),
  ];
  for (const [i, schedule] of schedules.entries()) {
    for (let step = 1; step <= 1000; step++) {
      const [before, now] = [schedule(step - 1), schedule(step)];
      assert.ok(now > 0 && now <= 1, `schedule ${i}, step ${step}: ${now}`);
      assert.ok(Math.abs(now - before) < 0.011, `schedule ${i} goes from ${before} to ${now} at step ${step}`);
    }
    expectClose([schedule(1000)], [0.1], `end of schedule ${i}`, { absolute: 1e-9 });
  }
});

test.run();
