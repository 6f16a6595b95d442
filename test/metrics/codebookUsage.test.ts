import { suite } from "uvu";
import * as assert from "uvu/assert";
import { countCodebookUsage, perplexityOf } from "../../lib/metrics/codebookUsage.js";
import { rngFrom } from "../../lib/random.js";
import { expectClose } from "../support.js";

const test = suite("metrics/codebookUsage");

test("averages the distinct codes of each full batch and counts the set apart", () => {
  const usage = countCodebookUsage({ codebookSize: 8, batchImages: 2 });
  usage.add(Int32Array.of(0, 1, 1, 2), 2); // 3 distinct
  usage.add(Int32Array.of(0, 0, 0, 5), 2); // 2 distinct
  usage.add(Int32Array.of(7, 7), 1); // no full batch
  const { perplexity, ...shares } = usage.result();
  assert.equal(shares, {
    images: 5,
    batchUsage: (3 + 2) / 2 / 8,
    batchImages: 2,
    batches: 2,
    imagesLeftOut: 1,
    setUsage: 5 / 8, // 0 1 2 5 7
  });
  // Frequencies 4 2 1 1 2 of 10.
  const entropy = -(0.4 * Math.log(0.4) + 2 * 0.2 * Math.log(0.2) + 2 * 0.1 * Math.log(0.1));
  expectClose([perplexity], [Math.exp(entropy)], "perplexity", { relative: 1e-12 });
});

test("does not depend on how the images come in", () => {
  const { integer } = rngFrom(5);
  const codes = Uint16Array.from({ length: 600 * 4 }, () => integer(40) ** 2 % 512);
  const whole = countCodebookUsage({ codebookSize: 512 });
  whole.add(codes, 600);
  const pieces = countCodebookUsage({ codebookSize: 512 });
  for (let at = 0; at < 600; at += 150) pieces.add(codes.subarray(at * 4, (at + 150) * 4), 150);
  assert.equal(pieces.result(), whole.result());

  const distinct = (from: number, to: number) => new Set(codes.subarray(from * 4, to * 4)).size / 512;
  const result = whole.result();
  assert.is(result.batchUsage, (distinct(0, 256) + distinct(256, 512)) / 2);
  assert.is(result.setUsage, distinct(0, 600));
  assert.is(result.imagesLeftOut, 88);
});

test("takes a set smaller than a batch as one batch and says so", () => {
  const usage = countCodebookUsage({ codebookSize: 4 });
  usage.add(Uint32Array.of(0, 1, 1), 3);
  const { batchUsage, batchImages, batches, imagesLeftOut } = usage.result();
  assert.equal(
    { batchUsage, batchImages, batches, imagesLeftOut },
    { batchUsage: 0.5, batchImages: 3, batches: 1, imagesLeftOut: 0 },
  );
});

test("has perplexity K for even use and 1 for a single code", () => {
  expectClose([perplexityOf(new Float64Array(64).fill(3))], [64], "even", { relative: 1e-12 });
  assert.is(perplexityOf(Float64Array.of(0, 9, 0)), 1);
});

test("refuses codes outside the codebook, codes that do not divide, and a result of nothing", () => {
  const usage = countCodebookUsage({ codebookSize: 4 });
  assert.throws(() => usage.add(Int32Array.of(0, 4), 1), /code 4, want 0\.\.3/);
  assert.throws(() => usage.add(Int32Array.of(0, -1), 1), /code -1/);
  assert.throws(() => usage.add(Int32Array.of(0, 1, 2), 2), /3 codes do not divide among 2 images/);
  assert.throws(() => countCodebookUsage({ codebookSize: 4 }).result(), /no codes/);
});

test.run();
