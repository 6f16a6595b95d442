import { suite } from "uvu";
import * as assert from "uvu/assert";
import { pixelErrors } from "../../lib/metrics/pixelErrors.js";
import { expectClose } from "../support.js";

const test = suite("metrics/pixelErrors");

test("gives mean absolute and mean squared error image by image", () => {
  const { mae, mse } = pixelErrors({
    originals: Float32Array.of(0, 0.5, 1, 0.25, 0, 0, 0, 0),
    reconstructions: Float32Array.of(0.5, 0.5, 0.5, 0.25, 0, 0, 0, 1),
    shape: [2, 1, 2, 2],
  });
  expectClose(mae, [0.25, 0.25], "mae", {}); // (0.5 + 0.5) / 4 and 1 / 4
  expectClose(mse, [0.125, 0.25], "mse", {}); // (0.25 + 0.25) / 4 and 1 / 4
});

test("refuses data that do not fit the shape", () => {
  const originals = new Float32Array(8);
  assert.throws(
    () => pixelErrors({ originals, reconstructions: new Float32Array(4), shape: [2, 1, 2, 2] }),
    /reconstructions want 8 values for \[2, 1, 2, 2\], got 4/,
  );
});

test.run();
