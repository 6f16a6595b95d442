import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import { CNN_LAYOUTS, type CnnVqganConfig, cnnVqganSpec } from "../../lib/models/cnnVqgan.js";
import { tamingName } from "../../lib/models/cnnVqganNames.js";
import { tamingModel } from "../../lib/models/tamingModel.js";
import { flattenSpecs } from "../../lib/nn/params.js";
import { GOLDEN_CONFIG, tensorGroups } from "./support/taming.js";

const test = suite("models/tamingModel");

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
function shapesOf(model: CnnVqganConfig): Record<string, { shape: number[] }> {
  const entries = Object.entries(flattenSpecs(cnnVqganSpec(model))).map(([path, { shape }]) => {
    const [from, to] = shape.slice(-2) as [number, number];
    const side = shape.length === 4 ? shape[0]! : 1;
    return [tamingName(path), { shape: path.endsWith("/kernel") ? [to, from, side, side] : [...shape] }] as const;
  });
  return Object.fromEntries(entries);
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
  assert.throws(
    () => tamingModel(damaged, { source: "last.ckpt" }),
    (error: unknown) =>
      error instanceof FileError &&
      error.message ===
        "last.ckpt is not a VQGAN of taming-transformers: encoder.conv_in.weight is missing; " +
          "quantize.embedding.weight is missing; quant_conv.weight: want 4 axes, got [256, 256]",
  );
  const infrared = { ...shapesOf(PUBLISHED), "encoder.conv_in.weight": { shape: [128, 4, 3, 3] } };
  assert.throws(() => tamingModel(infrared), /the state dict: want images of 1 or 3 channels, got 4/);
});

test.run();
