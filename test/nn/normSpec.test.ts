import { suite } from "uvu";
import * as assert from "uvu/assert";
import { normSpec } from "../../lib/nn/normSpec.js";

const test = suite("nn/normSpec");

test("the parameters start as the identity and do not decay", () => {
  assert.equal(normSpec(7), {
    gain: { shape: [7], init: { kind: "ones" }, decay: false },
    bias: { shape: [7], init: { kind: "zeros" }, decay: false },
  });
});

test("gains may start elsewhere", () => {
  const init = { kind: "normal", std: 0.02, mean: 1 } as const;
  assert.equal(normSpec(7, init), { ...normSpec(7), gain: { shape: [7], init, decay: false } });
});

test.run();
