import { suite } from "uvu";
import * as assert from "uvu/assert";
import { augmentationOf, expectDifferentViews, watchViews } from "../../../commands/run/encodeViews.js";
import { refusal } from "../support/refusal.js";

const test = suite("commands/run/encodeViews");

const config = { views: 2, crop: "center", cropScale: [1, 1], flip: false, seed: 0 } as const;

test("more views than differ are refused", async () => {
  expectDifferentViews({ ...config, views: 1 });
  expectDifferentViews({ ...config, flip: true });
  expectDifferentViews({ ...config, views: 50, crop: "random" });
  assert.match(await refusal(() => expectDifferentViews(config)), /^--views: 2 views .* alike; add --flip or --crop/);
  assert.match(await refusal(() => expectDifferentViews({ ...config, views: 3, flip: true })), /two views.*got 3/);
});

test("what was done is told in a few words", () => {
  assert.is(augmentationOf({ ...config, flip: true }), "first plain, then mirrored");
  const random = { ...config, crop: "random", cropScale: [1, 1.5], seed: 4 } as const;
  assert.is(
    augmentationOf({ ...random, flip: true }),
    "first plain, then random crop of 1 to 1.5 sizes, random flip, seed 4",
  );
});

test("rows are compared with the row before of the same image alone, across batches", () => {
  const alike = watchViews({ views: 2, tokens: 2 });
  alike.add(Int32Array.of(1, 2, 1, 2, 3, 4));
  alike.add(Int32Array.of(3, 4));
  assert.is(alike.differ, false);
  const differ = watchViews({ views: 2, tokens: 2 });
  differ.add(Int32Array.of(1, 2, 1, 2, 3, 4));
  differ.add(Int32Array.of(3, 5));
  assert.is(differ.differ, true);
});

test.run();
