import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { VIM_SIZES } from "../../lib/models/sizes.js";
import { noClass, type VimConfig, vimForward, vimSpec } from "../../lib/models/vim.js";
import { countParameters, flattenSpecs, paramTree } from "../../lib/nn/params.js";
import { onCpu } from "../nn/support/eager.js";
import { expectClose, expectThrow } from "../support.js";
import { BATCH, codesOf, fullPass, ids, int32, T, TINY, weightsOf } from "./support/tinyVim.js";

const test = suite("models/vim");

test("editing code t changes the logits after t and none before or at t", async () => {
  const full = await fullPass(await createOnnxEngine({ threads: 1 }), TINY);
  const codes = codesOf(2);
  const before = await full.logits(codes, [1, 1]);
  const K = TINY.vocabulary;
  for (let t = 0; t < T; t++) {
    const edited = codes.slice();
    edited[t] = (codes[t]! + 1) % K;
    const after = await full.logits(edited, [1, 1]);
    const changed = Array.from({ length: BATCH * T }, (_, row) =>
      after.subarray(row * K, (row + 1) * K).some((v, k) => v !== before[row * K + k]),
    );
    assert.equal(
      changed,
      changed.map((_, row) => row > t && row < T),
      `code ${t} of the first sequence`,
    );
  }
  await full.close();
});

test("the class reaches every position, and no class is one more class", async () => {
  const full = await fullPass(await createOnnxEngine({ threads: 1 }), TINY);
  const codes = codesOf(3);
  const K = TINY.vocabulary;
  assert.is(noClass(TINY), 3);
  const [a, b] = [await full.logits(codes, [0, 0]), await full.logits(codes, [noClass(TINY), 0])];
  for (let t = 0; t < T; t++)
    assert.not.equal(a.subarray(t * K, (t + 1) * K), b.subarray(t * K, (t + 1) * K), `position ${t}`);
  assert.equal(a.subarray(T * K), b.subarray(T * K), "the neighbour in the batch keeps its logits");
  await full.close();
});

test("logits and the output of every block have the shapes they should", async () => {
  const full = await fullPass(await createOnnxEngine({ threads: 1 }), TINY);
  const tokens = [BATCH, T, TINY.dim];
  assert.equal(await full.shapes(), { logits: [BATCH, T, TINY.vocabulary], block0: tokens, block1: tokens });
  await full.close();
});

test("an unconditional model has one start token and no classes", async () => {
  const config: VimConfig = { ...TINY, classes: 0 };
  assert.is(noClass(config), 0);
  assert.equal(flattenSpecs(vimSpec(config))["classes"]!.shape, [1, TINY.dim]);
  const full = await fullPass(await createOnnxEngine({ threads: 1 }), config);
  const logits = await full.logits(codesOf(4), [0, 0]);
  const K = config.vocabulary;
  assert.equal(logits.subarray(0, K), logits.subarray(T * K, (T + 1) * K), "all sequences start alike");
  await full.close();
});

test("positions are the sum of row and column, or one table", () => {
  const shapes = (positions: VimConfig["positions"]) =>
    Object.entries(flattenSpecs(vimSpec({ ...TINY, positions })))
      .filter(([name]) => name.startsWith("positions/"))
      .map(([name, { shape }]) => [name, shape]);
  assert.equal(shapes("rowcol"), [
    ["positions/rows", [2, 8]],
    ["positions/columns", [3, 8]],
  ]);
  assert.equal(shapes("learned"), [["positions/all", [6, 8]]]);
});

test("row plus column positions are the learned table that holds their sums", async () => {
  const engine = await createEagerEngine("cpu");
  const run = async (config: VimConfig, constants: NamedHostTensors) => {
    const inputs = { classIds: ids, given: { dtype: "int32", shape: [BATCH, T] } as const };
    const program = await engine.compile(
      (given) => {
        const tree = paramTree(vimSpec(config), given);
        return { logits: vimForward(tree, config, { classIds: given["classIds"]!, codes: given["given"]! }).logits };
      },
      { name: "positions", inputs, constants },
    );
    return (await program.run({ classIds: int32([BATCH], [0, 1]), given: int32([BATCH, T], codesOf(6)) }))["logits"]!
      .data;
  };
  const weights = weightsOf(TINY);
  const [rows, columns] = [weights["positions/rows"]!.data, weights["positions/columns"]!.data];
  const data = Float32Array.from({ length: T * 8 }, (_, i) => {
    const [token, d] = [Math.floor(i / 8), i % 8];
    return rows[Math.floor(token / 3) * 8 + d]! + columns[(token % 3) * 8 + d]!;
  });
  const { "positions/rows": _, "positions/columns": __, ...others } = weights;
  const table = { ...others, "positions/all": { dtype: "float32", shape: [T, 8], data } as const };
  const got = await run({ ...TINY, positions: "learned" }, table);
  expectClose(got, await run(TINY, weights), "logits", { absolute: 1e-5 });
});

test("a position of the start, a head without bias and no start without a class each change their parameter alone", () => {
  const changed = (change: Partial<VimConfig>) => {
    const [before, after] = [TINY, { ...TINY, ...change }].map((config) =>
      Object.entries(flattenSpecs(vimSpec(config))).map(([name, { shape }]) => `${name} [${shape}]`),
    ) as [string[], string[]];
    return [before.filter((one) => !after.includes(one)), after.filter((one) => !before.includes(one))];
  };
  assert.equal(changed({ startPosition: true }), [[], ["positions/start [1,8]"]]);
  assert.equal(changed({ headBias: false }), [["head/bias [11]"], []]);
  assert.equal(changed({ classless: false }), [["classes [4,8]"], ["classes [3,8]"]]);
  expectThrow(
    () => noClass({ classes: 3, classless: false }),
    RangeError,
    /no start token for sequences without a class/,
  );
});

test("codes of another length are refused", () => {
  expectThrow(
    () => onCpu(() => vimForward({} as never, TINY, { classIds: tf.zeros([2]), codes: tf.zeros([2, 5]) })),
    RangeError,
    /vim: codes.*6.*5/,
  );
});

// Table 2 of the paper says 650 and 1697 million; tables, biases and norms are beyond the 12 D^2 a block of a rough count.
for (const [size, millions] of [
  ["base", 707],
  ["large", 1848],
] as const)
  test(`VIM-${size} has about ${millions} million parameters`, () => {
    const config: VimConfig = {
      ...VIM_SIZES[size],
      grid: [32, 32],
      vocabulary: 8192,
      classes: 1000,
      positions: "learned",
    };
    expectClose([countParameters(flattenSpecs(vimSpec(config))) / 1e6], [millions], "millions", { relative: 0.01 });
  });

test.run();
