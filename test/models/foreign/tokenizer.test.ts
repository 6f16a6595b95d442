import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../../lib/errors.js";
import { layoutOf, modelNames, type TokenizerLayout } from "../../../lib/models/foreign/layouts.js";
import { foreignTokenizer } from "../../../lib/models/foreign/tokenizer.js";
import { tokenizerOf } from "../../../lib/models/tokenizer.js";
import { flattenSpecs } from "../../../lib/nn/params.js";
import { expectThrow } from "../../support.js";
import { GOLDEN_CONFIG, tensorGroups } from "../support/taming.js";

const test = suite("models/foreign/tokenizer");

const FILES = {
  enhancing: { file: "vitvq_tiny.safetensors", options: { headDim: { encoder: 8, decoder: 8 } } },
  taming: { file: "cnn_vqgan_tiny.safetensors", options: { imageSize: 16, groups: 2 } },
} as const;

const number = { dtype: "float32", shape: [1], data: new Float32Array(1) } as const;

for (const [layout, { file, options }] of Object.entries(FILES) as [
  TokenizerLayout,
  (typeof FILES)[TokenizerLayout],
][]) {
  test(`${layout}: the names say whose it is, and every parameter of ours is found`, async () => {
    const { param } = await tensorGroups(file);
    const names = Object.keys(param!);
    assert.is(layoutOf(file, names), layout);
    const beside = ["loss.discriminator.main.0.weight", "model_ema.decay", "encoders.0"];
    assert.equal(modelNames(layout, [...names, ...beside]), { inside: "", own: names, beside });
    const { model, tensors } = foreignTokenizer(param!, { layout, source: file, ...options });
    const specs = flattenSpecs(tokenizerOf(model).spec);
    assert.equal(Object.keys(tensors).sort(), Object.keys(specs).sort());
    for (const [name, { shape }] of Object.entries(specs)) assert.equal(tensors[name]!.shape, shape, name);
    if (layout === "taming") assert.equal(model, GOLDEN_CONFIG);
  });

  test(`${layout}: a tensor too many within the model is named, and one too few`, async () => {
    const { param } = await tensorGroups(file);
    const make = (named: typeof param) => () => foreignTokenizer(named!, { layout, source: "odd.ckpt", ...options });
    expectThrow(make({ ...param, "encoder.extra.gain": number }), FileError, /^odd\.ckpt.*encoder\.extra\.gain/);
    const [first, ...others] = Object.keys(param!).filter((name) => name.endsWith(".bias"));
    const fewer = Object.fromEntries(Object.entries(param!).filter(([name]) => name !== first));
    assert.ok(others.length > 0);
    expectThrow(make(fewer), FileError, new RegExp(`^odd\\.ckpt.*${first!.replaceAll(".", "\\.")} is missing`));
  });
}

test("a side of images or groups that the shapes contradict is no fault of the file", async () => {
  const { param } = await tensorGroups("cnn_vqgan_tiny.safetensors");
  for (const options of [
    { imageSize: 16, groups: 3 },
    { imageSize: 15, groups: 2 },
  ])
    expectThrow(() => foreignTokenizer(param!, { layout: "taming", source: "x", ...options }), RangeError);
});

test.run();
