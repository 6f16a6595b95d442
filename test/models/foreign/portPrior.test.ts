import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../../lib/engine/eager.js";
import { createOnnxEngine } from "../../../lib/engine/onnxruntime.js";
import type { HostTensor, NamedHostTensors, Step } from "../../../lib/engine/types.js";
import { FileError } from "../../../lib/errors.js";
import { fromPortPrior, portPriorModel } from "../../../lib/models/foreign/portPrior.js";
import { type VimConfig, vimForward, vimSpec } from "../../../lib/models/vim.js";
import { countParameters, flattenSpecs, paramTree } from "../../../lib/nn/params.js";
import { drawCode, filteredProbabilities } from "../../../lib/sample/draw.js";
import { underPrefix, withPrefix } from "../../../lib/train/named.js";
import { priorStep } from "../../../lib/train/priorSteps.js";
import { expectClose, expectThrow } from "../../support.js";
import { cachedRun } from "../support/cachedVim.js";
import { goldenGpt } from "../support/goldenGpt.js";

const test = suite("models/foreign/portPrior");

const { model, tensors, params, gradients, classIds, codes, all, filter } = await goldenGpt();
const [B, T, D, K] = [3, 16, 32, 64];
const RELATIVE = 1e-5;
const engines = {
  "ONNX Runtime": () => createOnnxEngine({ threads: 1 }),
  "the JavaScript backend": () => createEagerEngine("cpu"),
};

const inputs: NamedHostTensors = {
  ...withPrefix("model/", tensors),
  codes: { dtype: "int32", shape: [B, T], data: codes },
  classIds: { dtype: "int32", shape: [B], data: classIds },
};

/** Logits, the tokens after every block, loss and gradients; blocks are computed once more for these if asked. */
function goldenStep(recompute: boolean): Step {
  return (given) => {
    const tree = paramTree(vimSpec(model), underPrefix("model/", given));
    const { logits, blocks } = vimForward(tree, model, { classIds: given["classIds"]!, codes: given["codes"]! });
    const named = Object.fromEntries(blocks.map((block, i) => [`block${i}`, block]));
    return { logits, ...named, ...priorStep(model, { dropout: 0, recompute })(given) };
  };
}

for (const [name, create] of Object.entries(engines))
  for (const recompute of [false, true])
    test(`${name}${recompute ? ", recomputing" : ""}: logits, blocks, loss and every gradient are the port's`, async () => {
      const program = await (await create()).compile(goldenStep(recompute), { name: "gpt", inputs });
      const { logits, nll, ...got } = await program.run(inputs);
      await program.dispose();
      expectClose(logits!.data, all["out.logits"]!.data, "logits", { relative: RELATIVE });
      expectClose(nll!.data, all["out.loss"]!.data, "loss", { relative: RELATIVE });
      for (const i of [0, 1])
        expectClose(got[`block${i}`]!.data, seen(`act.block.${i}`), `block ${i}`, { relative: RELATIVE });
      assert.equal(Object.keys(gradients).sort(), Object.keys(tensors).sort());
      for (const [key, want] of Object.entries(gradients)) expectGradient(key, got[`gradient/model/${key}`]!, want);
    });

/** Tokens of the port, which goes on to the last code, less those after it: [B, T + 1, D] -> [B, T, D]. */
function seen(name: string): Float32Array {
  const { data } = all[name]!;
  return Float32Array.from({ length: B * T * D }, (_, i) => data[i + Math.floor(i / (T * D)) * D]!);
}

/** Queries, keys and values each at their own scale; biases of keys change no softmax, so that their gradient is noise. */
function expectGradient(name: string, got: HostTensor, want: HostTensor): void {
  assert.equal(got.shape, want.shape, name);
  const parts = name.includes("/qkv/") ? ["queries", "keys", "values"] : ["all"];
  for (const [part, which] of parts.entries()) {
    const isOwn = (i: number) => Math.floor((i % (parts.length * D)) / D) === part;
    const own = ({ data }: HostTensor) => [...data].filter((_, i) => which === "all" || isOwn(i));
    const noise = which === "keys" && name.endsWith("bias");
    if (noise) assert.ok(own(want).every((value) => Math.abs(value) < 1e-8));
    expectClose(own(got), own(want), `${name}, ${which}`, noise ? { absolute: 1e-7 } : { relative: RELATIVE });
  }
}

const argmax = (values: Float32Array): number => values.indexOf(Math.max(...values));
const forced = (_: Float32Array, b: number, t: number): number => codes[b * T + t]!;
const drawn = (logits: Float32Array, b: number, t: number): number =>
  drawCode(logits, filter, all["sample.uniforms"]!.data[t * B + b]!);

for (const [name, create] of Object.entries(engines)) {
  test(`${name}: logits with a cache are those of the full pass, and greedy codes follow`, async () => {
    const run = { engine: await create(), model, weights: tensors, classIds };
    const { logits } = await cachedRun({ ...run, choose: forced });
    expectClose(logits, all["out.logits"]!.data, "logits", { relative: RELATIVE });
    const greedy = await cachedRun({ ...run, choose: argmax });
    assert.equal([...greedy.codes], [...all["full.greedy_codes"]!.data]);
  });

  test(`${name}: with the fault of the port's cache, logits, greedy codes and samples are those that it gives`, async () => {
    const run = { engine: await create(), model, weights: tensors, classIds, faultyTokenShift: true };
    const { logits } = await cachedRun({ ...run, choose: forced });
    expectClose(logits, all["cached.forced_logits"]!.data, "logits", { relative: RELATIVE });
    const greedy = await cachedRun({ ...run, choose: argmax });
    assert.equal([...greedy.codes], [...all["cached.greedy_codes"]!.data]);
    assert.not.equal([...greedy.codes], [...all["full.greedy_codes"]!.data]);
    const sampled = await cachedRun({ ...run, choose: drawn });
    assert.equal([...sampled.codes], [...all["sample.codes"]!.data]);
    const rows = Array.from({ length: B * T }, (_, i) => sampled.logits.slice(i * K, (i + 1) * K));
    const probabilities = rows.flatMap((row) => [...filteredProbabilities(row, filter)]);
    expectClose(probabilities, all["sample.probs"]!.data, "probabilities", { absolute: 1e-5 });
  });
}

test("drawn without the fault, the same numbers give other codes", async () => {
  const run = { engine: await createOnnxEngine({ threads: 1 }), model, weights: tensors, classIds };
  const { codes: got } = await cachedRun({ ...run, choose: drawn });
  const want = all["sample.codes"]!.data;
  for (let b = 0; b < B; b++) assert.is(got[b * T], want[b * T], "the class alone is seen the same way");
  assert.not.equal([...got], [...want]);
});

test("the configuration is read off the shapes, apart from the heads", () => {
  const want: VimConfig = {
    dim: 32,
    depth: 2,
    heads: 4,
    mlpDim: 128,
    grid: [4, 4],
    vocabulary: 64,
    classes: 10,
    positions: "learned",
    activation: "squaredRelu",
    tokenShift: true,
    startPosition: true,
    classless: false,
    headBias: false,
  };
  assert.equal(portPriorModel(params, { heads: 4 }), want);
  const specs = flattenSpecs(vimSpec(want));
  assert.is(
    countParameters(specs),
    Object.values(params).reduce((sum, { data }) => sum + data.length, 0),
  );
  for (const [name, { shape }] of Object.entries(specs)) assert.equal(tensors[name]!.shape, shape, name);
});

test("blocks as they were until August 2022, with GELU and no shift, are known by their names", () => {
  const early = Object.entries(params).flatMap(([name, tensor]): [string, HostTensor][] =>
    name.endsWith("time_mix") ? [] : [[name.replace("mlp.p0", "mlp.0").replace("mlp.p1", "mlp.2"), tensor]],
  );
  const found = fromPortPrior(Object.fromEntries(early), { heads: 4 });
  assert.equal([found.model.activation, found.model.tokenShift], ["gelu", undefined]);
  const { "blocks/0/shift/mix": _, "blocks/1/shift/mix": __, ...others } = tensors;
  assert.equal(found.tensors, others);
});

const refuses = (named: NamedHostTensors, kind: typeof FileError | typeof RangeError, patterns: RegExp[], heads = 4) =>
  expectThrow(() => fromPortPrior(named, { heads, source: "last.ckpt" }), kind, ...patterns);

test("every tensor that is missing, of another shape or type, or too many is named", () => {
  const gone = ["blocks.1.attn.time_mix", "blocks.0.mlp.p1.bias", "head.weight", "pos_emb_cond"];
  const kept = Object.fromEntries(Object.entries(params).filter(([name]) => !gone.includes(name)));
  const wrong: NamedHostTensors = {
    ...kept,
    "blocks.0.attn.key.bias": { ...params["blocks.0.mlp.p0.bias"]! },
    "tok_emb_cond.weight": { dtype: "int32", shape: [10, 32], data: new Int32Array(320) },
    "blocks.0.attn.mask": { ...params["head.weight"]! },
  };
  refuses(wrong, FileError, [
    /^last\.ckpt is not a GPT of enhancing-transformers: /,
    ...gone.map((name) => new RegExp(`${name} is missing`)),
    /blocks\.0\.attn\.key\.bias: want float32 \[32\], got float32 \[128\]/,
    /tok_emb_cond\.weight: want float32 \[10, 32\], got int32 \[10, 32\]/,
    /blocks\.0\.attn\.mask is not of this model/,
  ]);
  refuses({}, FileError, [/tok_emb_code\.weight is missing; blocks\.0\.ln1\.weight is missing/]);
});

test("sizes that no such model here has are refused", () => {
  const positions = (name: string, count: number): NamedHostTensors => ({
    ...params,
    [name]: { dtype: "float32", shape: [1, count, D], data: new Float32Array(count * D) },
  });
  refuses(positions("pos_emb_cond", 4), FileError, [/want one token before the codes, the class, got 4/]);
  refuses(positions("pos_emb_code", 15), FileError, [/want positions of a square grid, got 15 codes/]);
  refuses(params, RangeError, [/^heads: want a divisor of the width 32, got 5$/], 5);
});

test.run();
