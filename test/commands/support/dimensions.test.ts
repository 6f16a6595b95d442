import { suite } from "uvu";
import * as assert from "uvu/assert";
import { imageDimensions } from "../../../commands/support/dimensions.js";

const test = suite("commands/support/dimensions");

test("pixels times channels, and nothing where the file does not say", () => {
  assert.is(imageDimensions({ extra: { imageSize: "28", channels: "3" } }), 28 * 28 * 3);
  for (const extra of [{}, { imageSize: "28" }, { imageSize: "0", channels: "1" }, { imageSize: "x", channels: "1" }])
    assert.is(imageDimensions({ extra }), undefined);
});

test.run();
