import { suite } from "uvu";
import * as assert from "uvu/assert";
import { psnrOf, psnrSummary } from "../../lib/metrics/psnr.js";
import { expectClose } from "../support.js";

const test = suite("metrics/psnr");

test("is 20 dB at a mean squared error of 0.01, for pixels of range 1", () => {
  expectClose([psnrOf(0.01), psnrOf(1), psnrOf(3.09e-3)], [20, 0, 25.1004], "psnr", { absolute: 1e-4 });
  assert.is(psnrOf(0), Number.POSITIVE_INFINITY);
});

test("tells the mean over images from the value of the mean error", () => {
  const { meanOfImages, ofMeanMse, exactImages } = psnrSummary([0.1, 0.001]);
  expectClose([meanOfImages], [20], "mean of 10 dB and 30 dB", { absolute: 1e-12 });
  expectClose([ofMeanMse], [12.9671], "of 0.0505", { absolute: 1e-4 });
  assert.is(exactImages, 0);
});

test("shows images that are exact instead of hiding them", () => {
  const summary = psnrSummary([0, 0.02]);
  assert.is(summary.meanOfImages, Number.POSITIVE_INFINITY);
  assert.is(summary.exactImages, 1);
  expectClose([summary.ofMeanMse], [20], "of 0.01", { absolute: 1e-12 });
});

test("refuses an empty set", () => {
  assert.throws(() => psnrSummary([]), /at least one image/);
});

test.run();
