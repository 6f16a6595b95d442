import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { createCodeLikelihood } from "../../lib/metrics/codeLikelihood.js";
import { noClass, type VimConfig, vimForward, vimSpec } from "../../lib/models/vim.js";
import { paramTree } from "../../lib/nn/params.js";
import { rngFrom } from "../../lib/random.js";
import { T, TINY, weightsOf } from "../models/support/tinyVim.js";
import { numbersOf, onCpu } from "../nn/support/eager.js";
import { expectClose, expectRejection } from "../support.js";

const test = suite("metrics/codeLikelihood");

const ROWS = 7;
const codes = (() => {
  const { integer } = rngFrom(9);
  return Int32Array.from({ length: ROWS * T }, () => integer(TINY.vocabulary));
})();
const classIds = Int32Array.of(0, 1, 2, noClass(TINY), 0, 2, 1);

/** NLL and whether the code is the likeliest, from logits of the JavaScript backend by loops. */
function byHand(config: VimConfig) {
  const logits = onCpu(() => {
    const named = Object.entries(weightsOf(config)).map(
      ([name, { data, shape, dtype }]) => [name, tf.tensor(data, [...shape], dtype)] as const,
    );
    const params = paramTree(vimSpec(config), Object.fromEntries(named));
    const given = { classIds: tf.tensor1d(classIds, "int32"), codes: tf.tensor2d(codes, [ROWS, T], "int32") };
    return numbersOf(vimForward(params, config, given).logits);
  });
  const K = config.vocabulary;
  const each = Array.from(codes, (code, i) => {
    const own = logits.slice(i * K, (i + 1) * K);
    const total = own.reduce((sum, value) => sum + Math.exp(value), 0);
    return { nll: Math.log(total) - own[code]!, hit: own[code] === Math.max(...own) ? 1 : 0 };
  });
  return { nll: each.map(({ nll }) => nll), hits: each.map(({ hit }) => hit) };
}

test("is that of a logarithm of softmax by hand, whatever the batch, the last one short", async () => {
  const engine = await createOnnxEngine({ threads: 1 });
  const shifted = { tokenShift: true, activation: "squaredRelu", startPosition: true, headBias: false } as const;
  for (const config of [TINY, { ...TINY, ...shifted }]) {
    const want = byHand(config);
    assert.ok(Math.max(...want.nll) - Math.min(...want.nll) > 0.5, "codes are told apart");
    assert.ok(want.hits.includes(1) && want.hits.includes(0));
    for (const batchSize of [3, 7, 16]) {
      const weights = weightsOf(config);
      const givesUpWeights = batchSize === 7;
      const likelihood = await createCodeLikelihood({ engine, model: config, weights, givesUpWeights, batchSize });
      assert.ok(Object.values(weights).every(({ data }) => (data.length === 0) === givesUpWeights));
      const got = await likelihood.measure(codes, classIds);
      await likelihood.close();
      expectClose(got.nll, want.nll, `nll in batches of ${batchSize}`, { absolute: 2e-5 });
      assert.equal([...got.hits], want.hits);
    }
  }
});

test("no rows have no predictions, and codes of other rows are refused", async () => {
  const engine = await createOnnxEngine({ threads: 1 });
  const likelihood = await createCodeLikelihood({ engine, model: TINY, weights: weightsOf(TINY), batchSize: 2 });
  assert.is((await likelihood.measure(new Int32Array(0), new Int32Array(0))).nll.length, 0);
  const other = likelihood.measure(codes, classIds.subarray(1));
  await expectRejection(other, RangeError, /want 6 codes for each of 6 rows, got 42 codes/);
  await likelihood.close();
});

test.run();
