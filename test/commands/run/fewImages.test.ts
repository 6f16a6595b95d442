import { suite } from "uvu";
import * as assert from "uvu/assert";
import { caution, isSingular } from "../../../commands/run/fewImages.js";

const test = suite("commands/run/fewImages");

test("a covariance wants more images than features", () => {
  assert.equal([isSingular(8, 8), isSingular(9, 8)], [true, false]);
  assert.is(caution(1024, 2048), "of little worth, with 1,024 images for 2,048 features");
  assert.is(caution(2049, 2048), undefined);
});

test.run();
