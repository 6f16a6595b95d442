import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../../lib/errors.js";
import type { CnnVqganConfig } from "../../../lib/models/cnnVqgan.js";
import { tamingModel } from "../../../lib/models/foreign/tamingModel.js";
import { tamingParams } from "../../../lib/models/foreign/tamingNames.js";
import { CNN_LAYOUTS } from "../../../lib/models/sizes.js";
import { expectThrow } from "../../support.js";
import { GOLDEN_CONFIG, tensorGroups } from "../support/taming.js";

const test = suite("models/foreign/tamingModel");

const PUBLISHED: CnnVqganConfig = {
  ...CNN_LAYOUTS.f16,
  codebookSize: 1024,
  codeDim: 256,
  l2Norm: false,
  commitment: 0.25,
  straightThrough: "raw",
  vqReduction: "mean",
  logitLaplace: false,
};

/** Names and shapes of a model as its checkpoint has them. */
function shapesOf(model: CnnVqganConfig): Record<string, { shape: readonly number[] }> {
  return Object.fromEntries(Object.values(tamingParams(model)).map(({ name, shape }) => [name, { shape }]));
}

test("the shapes say all but the image's side and the groups, which default to the published ones", async () => {
  const { param } = await tensorGroups("cnn_vqgan_tiny.safetensors");
  assert.equal(tamingModel(param!, { imageSize: 16, groups: 2 }), GOLDEN_CONFIG);
  assert.equal(tamingModel(shapesOf(PUBLISHED)), PUBLISHED);
  const f8 = { ...PUBLISHED, ...CNN_LAYOUTS.f8, channels: 1 as const, codeDim: 4, blocksPerLevel: 3, latentDim: 8 };
  assert.equal(tamingModel(shapesOf(f8)), f8);
});

test("attention stays on its levels when the images have another side", () => {
  const half = tamingModel(shapesOf(PUBLISHED), { imageSize: 128 });
  assert.equal([half.imageSize, half.attentionSides], [128, [8]]);
  assert.equal(shapesOf(half), shapesOf(PUBLISHED));
});

test("a file that does not say its sizes is refused, with every tensor that would", () => {
  const { "encoder.conv_in.weight": _, "quantize.embedding.weight": __, ...rest } = shapesOf(PUBLISHED);
  const damaged = { ...rest, "quant_conv.weight": { shape: [256, 256] } };
  const { message } = expectThrow(() => tamingModel(damaged, { source: "last.ckpt" }), FileError);
  assert.is(
    message,
    "last.ckpt is not a VQGAN of taming-transformers: encoder.conv_in.weight is missing; " +
      "quantize.embedding.weight is missing; quant_conv.weight: want 4 axes, got [256, 256]",
  );
  const infrared = { ...shapesOf(PUBLISHED), "encoder.conv_in.weight": { shape: [128, 4, 3, 3] } };
  assert.throws(() => tamingModel(infrared), /the state dict: want images of 1 or 3 channels, got 4/);
});

test.run();
