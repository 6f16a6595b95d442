import { suite } from "uvu";
import * as assert from "uvu/assert";
import { quantizeWarning } from "../../../commands/run/quantizeWarning.js";

const test = suite("commands/run/quantizeWarning");

test("a training that ends before the decoder is shown a code is warned of", () => {
  assert.match(
    quantizeWarning({ steps: 60, quantizeFrom: 100 }) ?? "",
    /^--steps 60: .* from step 100 on, .* more --steps, or a smaller --quantize-from$/,
  );
  assert.match(quantizeWarning({ steps: 2000, quantizeFrom: 2000 }) ?? "", /^--steps 2,000: .* from step 2,000 on/);
});

test("others are not", () => {
  assert.is(quantizeWarning({ steps: 101, quantizeFrom: 100 }), undefined);
  assert.is(quantizeWarning({ steps: 1, quantizeFrom: 0 }), undefined);
});

test.run();
