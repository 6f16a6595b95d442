/** Sampling whose keys and values stay on a device, against sampling with caches in host memory. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { PLAIN_SAMPLING } from "../../lib/sample/draw.js";
import { createSampler } from "../../lib/sample/sampler.js";
import { residentOnHost } from "../engine/support/residentOnHost.js";
import { missing, webgpu } from "../engine/support/webgpu.js";
import { CHANGES, MODEL, sampled, weightsOf } from "./support.js";

const test = suite("sample/residentDecoding");

const host = await createOnnxEngine({ threads: 1 });

for (const [name, change] of Object.entries(CHANGES))
  test(`${name} the same codes are drawn, and nothing stays behind`, async () => {
    const engine = residentOnHost(host);
    assert.equal(await sampled(engine, change), await sampled(host, change));
    assert.is(engine.live(), 0);
  });

test("weights that are given up are empty once they are on the device", async () => {
  const engine = residentOnHost(host);
  const weights = weightsOf(MODEL);
  assert.equal(await sampled(engine, { weights, givesUpWeights: true }), await sampled(host));
  assert.ok(Object.values(weights).every(({ data }) => data.length === 0));
});

(missing === undefined ? test : test.skip)("WebGPU draws the codes that the processor draws", async () => {
  for (const change of [{}, { prefixLength: 13 }])
    assert.equal(await sampled(await webgpu(), { ...change, givesUpWeights: true }), await sampled(host, change));
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
