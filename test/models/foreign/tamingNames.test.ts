import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../../lib/errors.js";
import { cnnVqganSpec } from "../../../lib/models/cnnVqgan.js";
import { fromTaming, tamingName } from "../../../lib/models/foreign/tamingNames.js";
import { flattenSpecs } from "../../../lib/nn/params.js";
import { GOLDEN_CONFIG, tensorGroups } from "../support/taming.js";

const test = suite("models/foreign/tamingNames");

test("names are those of the published code", () => {
  for (const [ours, theirs] of [
    ["encoder/down/0/blocks/1/norm1/gain", "encoder.down.0.block.1.norm1.weight"],
    ["encoder/down/3/blocks/0/shortcut/bias", "encoder.down.3.block.0.nin_shortcut.bias"],
    ["encoder/down/1/downsample/kernel", "encoder.down.1.downsample.conv.weight"],
    ["encoder/down/4/attentions/1/out/kernel", "encoder.down.4.attn.1.proj_out.weight"],
    ["encoder/mid/attention/q/bias", "encoder.mid.attn_1.q.bias"],
    ["decoder/mid/block2/conv2/kernel", "decoder.mid.block_2.conv2.weight"],
    ["decoder/up/2/upsample/bias", "decoder.up.2.upsample.conv.bias"],
    ["decoder/normOut/bias", "decoder.norm_out.bias"],
    ["decoder/convIn/kernel", "decoder.conv_in.weight"],
    ["encoder/latents/kernel", "quant_conv.weight"],
    ["decoder/codes/bias", "post_quant_conv.bias"],
    ["quantizer/codebook", "quantize.embedding.weight"],
  ] as const)
    assert.is(tamingName(ours), theirs);
});

test("every parameter of the reference has its place and the other way round", async () => {
  const { param } = await tensorGroups("cnn_vqgan_tiny.safetensors");
  const specs = flattenSpecs(cnnVqganSpec(GOLDEN_CONFIG));
  assert.equal(Object.keys(specs).map(tamingName).sort(), Object.keys(param!).sort());
  const named = fromTaming(param!, GOLDEN_CONFIG);
  for (const [name, { shape }] of Object.entries(specs)) assert.equal(named[name]!.shape, shape, name);
});

test("filters come with their taps first and their outputs last", async () => {
  const { param } = await tensorGroups("cnn_vqgan_tiny.safetensors");
  const named = fromTaming(param!, GOLDEN_CONFIG);
  const theirs = param!["encoder.conv_in.weight"]!.data; // [4, 3, 3, 3]
  const ours = named["encoder/convIn/kernel"]!.data; // [3, 3, 3, 4]
  const [to, from, row, column] = [3, 1, 2, 0];
  assert.is(ours[((row * 3 + column) * 3 + from) * 4 + to], theirs[((to * 3 + from) * 3 + row) * 3 + column]);
  const map = named["encoder/latents/kernel"]!; // from 4 channels to 3
  assert.is(map.data[1 * 3 + 2], param!["quant_conv.weight"]!.data[2 * 4 + 1]);
});

test("discriminator and perceptual loss of a training checkpoint are passed over", async () => {
  const { param } = await tensorGroups("cnn_vqgan_tiny.safetensors");
  const extra = { dtype: "float32", shape: [1], data: new Float32Array(1) } as const;
  const named = fromTaming({ ...param, "loss.discriminator.main.0.weight": extra }, GOLDEN_CONFIG);
  assert.equal(named, fromTaming(param!, GOLDEN_CONFIG));
});

test("missing, wrong and foreign tensors are all named in one refusal", async () => {
  const { param } = await tensorGroups("cnn_vqgan_tiny.safetensors");
  const { "decoder.conv_out.bias": _, ...rest } = param!;
  const extra = { dtype: "float32", shape: [1], data: new Float32Array(1) } as const;
  const damaged = { ...rest, "encoder.mid.attn_1.k.weight": extra, "colorize.weight": extra };
  assert.throws(
    () => fromTaming(damaged, GOLDEN_CONFIG),
    (error: unknown) => {
      assert.instance(error, FileError);
      const { message } = error as FileError;
      assert.match(message, "decoder.conv_out.bias is missing");
      assert.match(message, "encoder.mid.attn_1.k.weight: want float32 [8, 8, 1, 1], got float32 [1]");
      assert.match(message, "colorize.weight is not of this model");
      return true;
    },
  );
  assert.throws(() => fromTaming(param!, { ...GOLDEN_CONFIG, logitLaplace: true }), /want float32 \[6, 4, 3, 3\]/);
});

test.run();
