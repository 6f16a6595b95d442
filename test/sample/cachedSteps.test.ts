import { suite } from "uvu";
import * as assert from "uvu/assert";
import "../../lib/engine/lowerings/index.js";
import { trace } from "../../lib/engine/traceBackend.js";
import { type VimConfig, vimSpec } from "../../lib/models/vim.js";
import { flattenSpecs } from "../../lib/nn/params.js";
import { mapValues } from "../../lib/records.js";
import { cachedStep, growingStep, type SamplingStep } from "../../lib/sample/cachedSteps.js";
import { drawingStep } from "../../lib/sample/repeatedDecoding.js";
import { MODEL } from "./support.js";

const test = suite("sample/cachedSteps");

/** Shapes of the results, by name. */
function resultsOf({ step, inputs }: SamplingStep, model: VimConfig, target: "cpu" | "webgpu") {
  const weights = mapValues(flattenSpecs(vimSpec(model)), ({ shape }) => ({ dtype: "float32", shape }) as const);
  const { outputs } = trace(step, { name: "sample step", inputs: { ...weights, ...inputs } }, target);
  return Object.fromEntries(outputs.map(({ name, shape }) => [name, shape]));
}

for (const rows of [1009, 1013, 2018])
  test(`a step of ${rows} sequences has caches of a length that varies, and nothing else that does`, () => {
    const { heads, vocabulary, dim } = MODEL;
    for (const target of ["cpu", "webgpu"] as const) {
      const plain = resultsOf(cachedStep(MODEL, rows), MODEL, target);
      assert.equal(
        [plain["logits"], plain["new/k0"]],
        [
          [rows, vocabulary],
          [rows, heads, 1, dim / heads],
        ],
      );
      const growing = resultsOf(growingStep(MODEL, rows), MODEL, target);
      assert.equal(
        [growing["logits"], growing["new/k0"]],
        [
          [rows, vocabulary],
          [rows, heads, "C", dim / heads],
        ],
      );
    }
  });

test("codes of any vocabulary are drawn in such a step", () => {
  const model = { ...MODEL, vocabulary: 1009 };
  for (const cut of [false, true]) {
    const found = resultsOf(drawingStep({ model, batchSize: 2 }, cut), model, "webgpu");
    assert.equal([found["code"], found["new/logits"]], [[2], [2, 1009]]);
  }
});

test.run();
