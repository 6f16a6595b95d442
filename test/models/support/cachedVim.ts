/** Sampling position by position, with a choice of what a token shift remembers. */
import type { Engine, HostTensor, NamedHostTensors, NamedTensors, TensorSpec } from "../../../lib/engine/types.js";
import { sequenceLength, type VimConfig, type VimStep, vimPrefill, vimSpec, vimStep } from "../../../lib/models/vim.js";
import { paramTree } from "../../../lib/nn/params.js";
import { underPrefix } from "../../../lib/train/named.js";

export type CachedRun = {
  readonly engine: Engine;
  readonly model: VimConfig;
  readonly weights: NamedHostTensors;
  readonly classIds: Int32Array;
  /** The code after logits [K] of a sequence at a position. */
  readonly choose: (logits: Float32Array, sequence: number, position: number) => number;
  /** The port's fault: past the class, the token shift finds zeros where the token before should be. */
  readonly faultyTokenShift?: boolean;
};

/** Codes [B, T] and the logits [B, T, K] that they were chosen from. */
export async function cachedRun(options: CachedRun): Promise<{ codes: Int32Array; logits: Float32Array }> {
  const { model, classIds, choose, faultyTokenShift = false } = options;
  const [B, T, K] = [classIds.length, sequenceLength(model), model.vocabulary];
  const { prefill, step } = await programs(options);
  const found = { codes: new Int32Array(B * T), logits: new Float32Array(B * T * K) };
  const past: Record<string, Float32Array[]> = {};
  let now = await prefill.run({ classIds: int32(classIds) });
  for (let t = 0; t < T; t++) {
    const logits = now["logits"]!.data as Float32Array;
    const chosen = Int32Array.from(classIds, (_, b) => choose(logits.slice(b * K, (b + 1) * K), b, t));
    for (const [b, code] of chosen.entries()) {
      found.codes[b * T + t] = code;
      found.logits.set(logits.subarray(b * K, (b + 1) * K), (b * T + t) * K);
    }
    if (t + 1 === T) break;
    const state: NamedHostTensors = {};
    for (const [name, { data, shape }] of Object.entries(underPrefix("new/", now))) {
      if (name.startsWith("u")) {
        state[name] = { dtype: "float32", shape, data: faultyTokenShift ? new Float32Array(data.length) : data };
        continue;
      }
      const rows = [...(past[name] ?? []), data as Float32Array]; // a position each, [B, heads, 1, d]
      past[name] = rows;
      const d = model.dim / model.heads;
      const all = Array.from({ length: B * model.heads }, (_, r) =>
        rows.flatMap((row) => [...row.subarray(r * d, (r + 1) * d)]),
      );
      state[name] = { dtype: "float32", shape: [B, model.heads, t + 1, d], data: Float32Array.from(all.flat()) };
    }
    state["mask"] = { dtype: "float32", shape: [t + 1], data: new Float32Array(t + 1) };
    now = await step.run({ code: int32(chosen), position: int32(Int32Array.of(t)), ...state });
  }
  await prefill.dispose();
  await step.dispose();
  return found;
}

/** Both give state by the names new/k0, new/v0, new/u0, ...: keys, values, and what the token shift remembers. */
async function programs({ engine, model, weights, classIds }: CachedRun) {
  const B = classIds.length;
  const ids: TensorSpec = { dtype: "int32", shape: [B] };
  const blocks = Array.from({ length: model.depth }, (_, i) => i);
  const rows: TensorSpec = { dtype: "float32", shape: [B, model.heads, "t", model.dim / model.heads] };
  const state: Record<string, TensorSpec> = { mask: { dtype: "float32", shape: ["t"] } };
  for (const i of blocks) Object.assign(state, { [`k${i}`]: rows, [`v${i}`]: rows });
  for (const i of model.tokenShift ? blocks : []) state[`u${i}`] = { dtype: "float32", shape: [B, 1, model.dim] };
  const prefill = await engine.compile(
    (inputs) => outputs(vimPrefill(paramTree(vimSpec(model), inputs), model, { classIds: inputs["classIds"]! })),
    { name: "prefill", inputs: { classIds: ids }, constants: weights },
  );
  const step = await engine.compile(
    (inputs) => {
      const past = blocks.map((i) => ({ k: inputs[`k${i}`]!, v: inputs[`v${i}`]! }));
      const last = model.tokenShift ? blocks.map((i) => inputs[`u${i}`]!) : [];
      const now = { code: inputs["code"]!, position: inputs["position"]!, past, mask: inputs["mask"]!, last };
      return outputs(vimStep(paramTree(vimSpec(model), inputs), model, now));
    },
    {
      name: "step",
      inputs: { code: ids, position: { dtype: "int32", shape: [1] }, ...state },
      constants: weights,
    },
  );
  return { prefill, step };
}

function outputs({ logits, cache, last }: VimStep): NamedTensors {
  const named: NamedTensors = { logits };
  for (const [i, { k, v }] of cache.entries()) Object.assign(named, { [`new/k${i}`]: k, [`new/v${i}`]: v });
  for (const [i, u] of last.entries()) named[`new/u${i}`] = u;
  return named;
}

function int32(data: Int32Array): HostTensor {
  return { dtype: "int32", shape: [data.length], data };
}
