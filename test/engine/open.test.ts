import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { OnnxEngineOptions } from "../../lib/engine/onnxruntime.js";
import { type EngineName, engineVersions, openEngine } from "../../lib/engine/open.js";
import { UsageError } from "../../lib/errors.js";

const test = suite("engine/open");

for (const [name, options, words] of [
  [
    "tensorflow",
    { device: "webgpu" },
    /^--device webgpu: that is for --engine onnxruntime; tensorflow takes the device/,
  ],
  ["tensorflow", { device: "cuda" }, /^--device cuda: that is for --engine onnxruntime/],
  [
    "tensorflow",
    { precision: "float16" },
    /^--precision float16: that is for --engine onnxruntime with --device webgpu/,
  ],
  ["onnxruntime", { precision: "float16" }, /^--precision float16: .*; give both, or leave --precision out$/],
  ["onnxruntime", { device: "cuda", precision: "float16" }, /^--precision float16: /],
  ["tensorflow", { spinning: true }, /^--spin: that is for --engine onnxruntime with --device cpu/],
  ["onnxruntime", { device: "webgpu", spinning: true }, /^--spin: .*; leave it out with others$/],
] as const satisfies readonly (readonly [EngineName, OnnxEngineOptions, RegExp])[])
  test(`${name} with ${JSON.stringify(options)} is refused before anything starts`, async () => {
    const error = await openEngine(name, options).then(
      () => undefined,
      (error: unknown) => error,
    );
    assert.ok(error instanceof UsageError, String(error));
    assert.match(error.message, words);
  });

test("a run's config says what decides the last bits", async () => {
  const versions = engineVersions(await openEngine("onnxruntime", { threads: 1 }));
  assert.equal(Object.keys(versions).sort(), ["device", "engine", "node", "onnxruntime", "precision", "processor"]);
  assert.equal(
    [versions["engine"], versions["device"], versions["node"]],
    ["onnxruntime", "cpu", process.versions.node],
  );
  assert.match(versions["onnxruntime"]!, /^\d+\.\d+\.\d+/);
});

test.run();
