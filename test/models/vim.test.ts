import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { Engine, NamedHostTensors, NamedTensors, Program, TensorSpec } from "../../lib/engine/types.js";
import { VIM_SIZES } from "../../lib/models/sizes.js";
import {
  noClass,
  sequenceLength,
  type VimConfig,
  type VimStep,
  vimForward,
  vimPrefill,
  vimSpec,
  vimStep,
} from "../../lib/models/vim.js";
import { countParameters, flattenSpecs, initialise, paramTree } from "../../lib/nn/params.js";
import { rngFrom } from "../../lib/random.js";
import { onCpu } from "../nn/support/eager.js";
import { expectClose } from "../support.js";

const test = suite("models/vim");

const BATCH = 2;
const TINY: VimConfig = {
  dim: 8,
  heads: 2,
  mlpDim: 12,
  depth: 2,
  grid: [2, 3],
  vocabulary: 11,
  classes: 3,
  positions: "rowcol",
};
const T = sequenceLength(TINY);

/** Weights ten times the initial ones, so that attention is far from uniform and a mistake shows. */
function weightsOf(config: VimConfig): NamedHostTensors {
  const named = initialise(flattenSpecs(vimSpec(config)), 5);
  const large = Object.entries(named).map(
    ([name, tensor]) => [name, { ...tensor, data: tensor.data.map((v) => 10 * v) }] as const,
  );
  return Object.fromEntries(
    large.map(([name, tensor]) => (/gain$/.test(name) ? [name, named[name]!] : [name, tensor])),
  );
}

function codesOf(seed: number): Int32Array {
  const rng = rngFrom(seed);
  return Int32Array.from({ length: BATCH * T }, () => rng.integer(TINY.vocabulary));
}

const int32 = (shape: number[], data: readonly number[] | Int32Array) =>
  ({ dtype: "int32", shape, data: Int32Array.from(data) }) as const;
const ids: TensorSpec = { dtype: "int32", shape: [BATCH] };

const engines: Record<string, () => Promise<Engine>> = {
  "ONNX Runtime": () => createOnnxEngine({ threads: 1 }),
  "the JavaScript backend": () => createEagerEngine("cpu"),
};

/** Teacher-forced logits, [B, T, K]. */
async function fullPass(engine: Engine, config: VimConfig) {
  const inputs = { classIds: ids, given: { dtype: "int32", shape: [BATCH, T] } as const };
  const program = await engine.compile(
    (given) => {
      const { logits, blocks } = vimForward(paramTree(vimSpec(config), given), config, {
        classIds: given["classIds"]!,
        codes: given["given"]!,
      });
      return { logits, ...Object.fromEntries(blocks.map((block, i) => [`block${i}`, block])) };
    },
    { name: "full", inputs, constants: weightsOf(config) },
  );
  return {
    logits: async (codes: Int32Array, classIds: readonly number[]) =>
      (await program.run({ classIds: int32([BATCH], classIds), given: int32([BATCH, T], codes) }))["logits"]!.data,
    shapes: async () => {
      const results = await program.run({ classIds: int32([BATCH], [0, 1]), given: int32([BATCH, T], codesOf(1)) });
      return Object.fromEntries(Object.entries(results).map(([name, { shape }]) => [name, [...shape]]));
    },
    close: () => program.dispose(),
  };
}

const results = ({ logits, cache, last }: VimStep): NamedTensors =>
  Object.assign(
    { logits },
    ...cache.map(({ k, v }, i) => ({ [`new/k${i}`]: k, [`new/v${i}`]: v })),
    ...last.map((u, i) => ({ [`new/u${i}`]: u })),
  ) as NamedTensors;

const names = Array.from({ length: TINY.depth }, (_, i) => [`k${i}`, `v${i}`]).flat();
const lastNames = ({ tokenShift }: VimConfig) =>
  tokenShift ? Array.from({ length: TINY.depth }, (_, i) => `u${i}`) : [];

/** The two programs of sampling, the first one for `given` codes. */
async function cachedPrograms(
  engine: Engine,
  config: VimConfig,
  given: number,
): Promise<{ prefill: Program; step: Program }> {
  const constants = weightsOf(config);
  const codes: Record<string, TensorSpec> = given > 0 ? { given: { dtype: "int32", shape: [BATCH, given] } } : {};
  const prefill = await engine.compile(
    (inputs) => {
      const start = { classIds: inputs["classIds"]!, ...(inputs["given"] ? { codes: inputs["given"] } : {}) };
      return results(vimPrefill(paramTree(vimSpec(config), inputs), config, start));
    },
    { name: "prefill", inputs: { classIds: ids, ...codes }, constants },
  );
  const cacheSpec: TensorSpec = { dtype: "float32", shape: [BATCH, config.heads, "t", config.dim / config.heads] };
  const lastSpec: TensorSpec = { dtype: "float32", shape: [BATCH, 1, config.dim] };
  const step = await engine.compile(
    (inputs) => {
      const past = Array.from({ length: config.depth }, (_, i) => ({ k: inputs[`k${i}`]!, v: inputs[`v${i}`]! }));
      const last = lastNames(config).map((name) => inputs[name]!);
      const now = { code: inputs["code"]!, position: inputs["position"]!, past, mask: inputs["mask"]!, last };
      return results(vimStep(paramTree(vimSpec(config), inputs), config, now));
    },
    {
      name: "step",
      inputs: {
        code: ids,
        position: { dtype: "int32", shape: [1] },
        mask: { dtype: "float32", shape: ["t"] },
        ...Object.fromEntries(names.map((name) => [name, cacheSpec])),
        ...Object.fromEntries(lastNames(config).map((name) => [name, lastSpec])),
      },
      constants,
    },
  );
  return { prefill, step };
}

/** Cached logits of every position from `given` on, [T - given] of [B, K]. */
async function cachedPass(engine: Engine, config: VimConfig, { codes, given }: { codes: Int32Array; given: number }) {
  const { prefill, step } = await cachedPrograms(engine, config, given);
  const column = (t: number) => Array.from({ length: BATCH }, (_, b) => codes[b * T + t]!);
  const first = Array.from({ length: BATCH }, (_, b) => [...codes.subarray(b * T, b * T + given)]).flat();
  let now = await prefill.run({
    classIds: int32([BATCH], [2, 0]),
    ...(given > 0 ? { given: int32([BATCH, given], first) } : {}),
  });
  const rows: Record<string, number[][]> = Object.fromEntries(
    names.map((name) => [name, positionFirst(now[`new/${name}`]!, config)]),
  );
  const logits = [now["logits"]!.data];
  for (let t = given; t < T - 1; t++) {
    const shape = [BATCH, config.heads, t + 1, config.dim / config.heads];
    const past = names.map(
      (name) => [name, { dtype: "float32", shape, data: headFirst(rows[name]!, config) }] as const,
    );
    const mask = { dtype: "float32", shape: [t + 1], data: new Float32Array(t + 1) } as const;
    const last = lastNames(config).map((name) => [name, now[`new/${name}`]!] as const);
    const state = { mask, ...Object.fromEntries([...past, ...last]) };
    now = await step.run({ code: int32([BATCH], column(t)), position: int32([1], [t]), ...state });
    for (const name of names) rows[name]!.push([...now[`new/${name}`]!.data]);
    logits.push(now["logits"]!.data);
  }
  await prefill.dispose();
  await step.dispose();
  return logits;
}

/** [B, heads, S, d] as S rows of [B, heads, d]. */
function positionFirst({ data, shape }: NamedHostTensors[string], { heads, dim }: VimConfig): number[][] {
  const [S, d] = [shape[2]!, dim / heads];
  return Array.from({ length: S }, (_, s) =>
    Array.from({ length: BATCH * heads }, (_, bh) => [...data.subarray((bh * S + s) * d, (bh * S + s + 1) * d)]).flat(),
  );
}

/** Back again. */
function headFirst(rows: readonly number[][], { heads, dim }: VimConfig): Float32Array {
  const d = dim / heads;
  const all = Array.from({ length: BATCH * heads }, (_, bh) => rows.flatMap((row) => row.slice(bh * d, (bh + 1) * d)));
  return Float32Array.from(all.flat());
}

/** Largest gap between cached and teacher-forced logits that is rounding; logits are of order 1. */
const CACHE_GAP = 1e-5;

const CACHED: Record<string, Partial<VimConfig>> = {
  "row and column positions": { positions: "rowcol" },
  "learned positions": { positions: "learned" },
  "a token shift": { tokenShift: true, activation: "squaredRelu", startPosition: true, headBias: false },
};

for (const [name, open] of Object.entries(engines))
  for (const [what, change] of Object.entries(CACHED))
    test(`cached logits equal teacher-forced ones within ${CACHE_GAP} on ${name}, ${what}`, async () => {
      const config: VimConfig = { ...TINY, ...change };
      const engine = await open();
      const codes = codesOf(1);
      const full = await fullPass(engine, config);
      const want = await full.logits(codes, [2, 0]);
      await full.close();
      assert.ok(Math.max(...want) - Math.min(...want) > 1, "the logits differ enough to tell positions apart");
      const K = config.vocabulary;
      for (const given of [0, 3]) {
        const got = await cachedPass(engine, config, { codes, given });
        assert.is(got.length, T - given);
        got.forEach((logits, i) => {
          const at = given + i;
          const wanted = [0, 1].flatMap((b) => [...want.subarray((b * T + at) * K, (b * T + at + 1) * K)]);
          expectClose(logits, wanted, `${given} codes given, position ${at}`, { absolute: CACHE_GAP });
        });
      }
    });

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
  assert.throws(
    () => noClass({ classes: 3, classless: false }),
    (error: unknown) =>
      error instanceof RangeError && /no start token for sequences without a class/.test(error.message),
  );
});

test("a step with a token shift is refused without what came before", () => {
  assert.throws(
    () =>
      onCpu(() =>
        vimStep(
          {} as never,
          { ...TINY, tokenShift: true },
          { code: tf.zeros([2]), position: tf.zeros([1]), past: [], mask: tf.zeros([1]) },
        ),
      ),
    (error: unknown) => error instanceof RangeError && /wants what 2 blocks had last, got 0/.test(error.message),
  );
});

test("codes of another length are refused", () => {
  assert.throws(
    () => onCpu(() => vimForward({} as never, TINY, { classIds: tf.zeros([2]), codes: tf.zeros([2, 5]) })),
    (error: unknown) => error instanceof RangeError && /vim: codes.*6.*5/.test(error.message),
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
