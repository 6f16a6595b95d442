import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { Engine, NamedHostTensors, NamedTensors, Program, TensorSpec } from "../../lib/engine/types.js";
import { type VimConfig, type VimStep, vimPrefill, vimSpec, vimStep } from "../../lib/models/vim.js";
import { paramTree } from "../../lib/nn/params.js";
import { onCpu } from "../nn/support/eager.js";
import { expectClose, expectThrow } from "../support.js";
import { BATCH, codesOf, fullPass, ids, int32, T, TINY, weightsOf } from "./support/tinyVim.js";

const test = suite("models/vim, position by position");

const engines: Record<string, () => Promise<Engine>> = {
  "ONNX Runtime": () => createOnnxEngine({ threads: 1 }),
  "the JavaScript backend": () => createEagerEngine("cpu"),
};

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

test("a step with a token shift is refused without what came before", () => {
  expectThrow(
    () =>
      onCpu(() =>
        vimStep(
          {} as never,
          { ...TINY, tokenShift: true },
          { code: tf.zeros([2]), position: tf.zeros([1]), past: [], mask: tf.zeros([1]) },
        ),
      ),
    RangeError,
    /wants what 2 blocks had last, got 0/,
  );
});

test.run();
