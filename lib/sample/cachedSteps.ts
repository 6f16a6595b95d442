/** The two steps of sampling: the first positions at once, and one further position over a KV cache. */
import * as tf from "@tensorflow/tfjs";
import type { NamedHostTensors, NamedTensors, Step, TensorSpec } from "../engine/types.js";
import { type VimConfig, type VimStep, vimPrefill, vimSpec, vimStep } from "../models/vim.js";
import { headWidth } from "../nn/attention.js";
import type { KvCache } from "../nn/cachedAttention.js";
import { paramTree } from "../nn/params.js";
import { cacheNames, NEW } from "./kvCaches.js";

export type SamplingStep = { readonly step: Step; readonly inputs: Record<string, TensorSpec> };

/** The class and `prefixLength` given codes as a step: weights, `classIds` [B] and `prefix` [B, S] in, as `cachedStep` out. */
export function prefillStep(model: VimConfig, batchSize: number, prefixLength: number): SamplingStep {
  const step: Step = (inputs) => {
    const params = paramTree(vimSpec(model), inputs);
    const codes = inputs["prefix"];
    return stepOutputs(vimPrefill(params, model, { classIds: inputs["classIds"]!, ...(codes ? { codes } : {}) }));
  };
  const ids: TensorSpec = { dtype: "int32", shape: [batchSize] };
  const prefix: TensorSpec = { dtype: "int32", shape: [batchSize, prefixLength] };
  return { step, inputs: { classIds: ids, ...(prefixLength > 0 ? { prefix } : {}) } };
}

/**
 * One further position as a step: weights, `code` [B], `position` [1] and caches in, `logits` [B, K] and new rows out.
 * @param begins whether the step also begins sequences, of `classIds` [B], where `position` is -1
 */
export function cachedStep(model: VimConfig, batchSize: number, { begins = false } = {}): SamplingStep {
  const step: Step = (inputs) => {
    const params = paramTree(vimSpec(model), inputs);
    const past: KvCache[] = Array.from({ length: model.depth }, (_, i) => ({
      k: inputs[`k${i}`]!,
      v: inputs[`v${i}`]!,
    }));
    const last = lastNames(model).map((name) => inputs[name]!);
    const { code, position, mask } = inputs as Record<"code" | "position" | "mask", tf.Tensor>;
    return stepOutputs(vimStep(params, model, { code, position, classIds: inputs["classIds"], past, mask, last }));
  };
  const ids: TensorSpec = { dtype: "int32", shape: [batchSize] };
  const position: TensorSpec = { dtype: "int32", shape: [1] };
  const given = { code: ids, position, ...(begins ? { classIds: ids } : {}) };
  return { step, inputs: { ...given, ...cacheInputs(model, batchSize) } };
}

/**
 * `cachedStep` whose results `new/k0`, ... are the caches with the new rows in them: `cache + place * row`, `place` [C, 1]
 * being 1 at one position where the cache is 0.
 */
export function growingStep(model: VimConfig, rows: number): SamplingStep {
  const { step, inputs } = cachedStep(model, rows);
  const growing: Step = ({ place, ...given }) => {
    const results = step(given);
    const caches = Object.fromEntries(
      cacheNames(model).map((name) => [NEW + name, tf.add(given[name]!, tf.mul(place!, results[NEW + name]!))]),
    );
    return { ...results, ...caches };
  };
  return { step: growing, inputs: { ...inputs, place: { dtype: "float32", shape: ["C", 1] } } };
}

/** Which of C places are filled, as a mask for attention, and which gets the new position. */
export function places(filled: number, room: number): NamedHostTensors {
  const mask = new Float32Array(room).fill(Number.NEGATIVE_INFINITY).fill(0, 0, filled);
  const place = new Float32Array(room);
  place[filled] = 1;
  return {
    mask: { dtype: "float32", shape: [room], data: mask },
    place: { dtype: "float32", shape: [room, 1], data: place },
  };
}

function stepOutputs({ logits, cache, last }: VimStep): NamedTensors {
  const outputs: NamedTensors = { logits };
  for (const [i, { k, v }] of cache.entries()) Object.assign(outputs, { [`${NEW}k${i}`]: k, [`${NEW}v${i}`]: v });
  for (const [i, u] of last.entries()) outputs[`${NEW}u${i}`] = u;
  return outputs;
}

/** The normed tokens that attention of the newest position was given, by block. */
export function lastNames({ depth, tokenShift }: VimConfig): string[] {
  return tokenShift ? Array.from({ length: depth }, (_, i) => `u${i}`) : [];
}

function cacheInputs(model: VimConfig, batchSize: number): Record<string, TensorSpec> {
  const inputs: Record<string, TensorSpec> = {};
  inputs["mask"] = { dtype: "float32", shape: ["C"] };
  const shape = [batchSize, model.heads, "C", headWidth(model)];
  for (const name of cacheNames(model)) inputs[name] = { dtype: "float32", shape };
  for (const name of lastNames(model)) inputs[name] = { dtype: "float32", shape: [batchSize, 1, model.dim] };
  return inputs;
}
