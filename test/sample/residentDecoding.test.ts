/** Sampling whose keys and values stay on a device, against sampling with caches in host memory. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { Engine } from "../../lib/engine/types.js";
import { noClass, sequenceLength, type VimConfig, vimSpec } from "../../lib/models/vim.js";
import { flattenSpecs, initialise } from "../../lib/nn/params.js";
import { PLAIN_SAMPLING } from "../../lib/sample/draw.js";
import { createSampler, type SamplerOptions } from "../../lib/sample/sampler.js";
import { residentOnHost } from "../engine/support/residentOnHost.js";
import { missing, webgpu } from "../engine/support/webgpu.js";

const test = suite("sample/residentDecoding");

/** More positions than caches begin with, and not a multiple of what they grow by. */
const MODEL: VimConfig = {
  dim: 8,
  heads: 2,
  mlpDim: 16,
  depth: 2,
  grid: [9, 8],
  vocabulary: 20,
  classes: 3,
  positions: "rowcol",
};
const BATCH = 3;
const host = await createOnnxEngine({ threads: 1 });

/** Weights larger than initial ones, so that codes depend on what came before. */
function weightsOf(model: VimConfig) {
  const named = initialise(flattenSpecs(vimSpec(model)), 6);
  for (const [name, { data }] of Object.entries(named))
    if (!name.endsWith("gain")) for (let i = 0; i < data.length; i++) data[i]! *= 12;
  return named;
}

async function sampled(engine: Engine, change: Partial<SamplerOptions> = {}): Promise<number[]> {
  const { model = MODEL, prefixLength = 0 } = change;
  const sampler = await createSampler({ engine, model, weights: weightsOf(model), batchSize: BATCH, ...change });
  const prefix = Int32Array.from({ length: BATCH * prefixLength }, (_, i) => i % model.vocabulary);
  const codes = await sampler.sample({
    classIds: Int32Array.of(0, 1, noClass(model)),
    seeds: [11, 12, 13],
    filters: new Array(BATCH).fill(PLAIN_SAMPLING),
    ...(prefixLength > 0 ? { prefix } : {}),
  });
  await sampler.close();
  assert.is(codes.length, BATCH * sequenceLength(model));
  return [...codes];
}

const CHANGES: Readonly<Record<string, Partial<SamplerOptions>>> = {
  "from the class alone": {},
  "from given codes": { prefixLength: 13 },
  "from all but the last code": { prefixLength: 71 },
  "with guidance": { guidance: { scale: 2, schedule: "constant" } },
  "of a model that shifts tokens": { model: { ...MODEL, tokenShift: true } },
  "of fewer positions than caches grow by": { model: { ...MODEL, grid: [3, 4] } },
};

for (const [name, change] of Object.entries(CHANGES))
  test(`${name} the same codes are drawn, and nothing stays behind`, async () => {
    const engine = residentOnHost(host);
    assert.equal(await sampled(engine, change), await sampled(host, change));
    assert.is(engine.live(), 0);
  });

(missing === undefined ? test : test.skip)("WebGPU draws the codes that the processor draws", async () => {
  for (const change of [{}, { prefixLength: 13 }])
    assert.equal(await sampled(await webgpu(), change), await sampled(host, change));
});

test("what was drawn half is given back as well", async () => {
  const engine = residentOnHost(host);
  const sampler = await createSampler({ engine, model: MODEL, weights: weightsOf(MODEL), batchSize: 1 });
  const onPosition = (drawn: number) => {
    if (drawn === 5) throw new Error("enough");
  };
  const request = { classIds: Int32Array.of(0), seeds: [1], filters: [PLAIN_SAMPLING], onPosition };
  await sampler.sample(request).then(
    () => assert.unreachable("it went on"),
    (error: Error) => assert.is(error.message, "enough"),
  );
  await sampler.close();
  assert.is(engine.live(), 0);
});

test.run();
