import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NamedHostTensors } from "../../../lib/engine/types.js";
import { type ForeignOptions, foreignTokenizer } from "../../../lib/models/foreign/tokenizer.js";
import { torchWeights } from "../../../lib/models/foreign/torchWeights.js";
import { type TokenizerConfig, tokenizerOf } from "../../../lib/models/tokenizer.js";
import { flattenSpecs, initialise } from "../../../lib/nn/params.js";
import { smallTokenizer } from "../../commands/support/smallTokenizer.js";
import { GOLDEN_CONFIG, tensorGroups } from "../support/taming.js";

const test = suite("models/foreign/torchWeights");

const weightsOf = (model: TokenizerConfig): NamedHostTensors => initialise(flattenSpecs(tokenizerOf(model).spec), 3);

for (const [file, title, options] of [
  ["vitvq_tiny.safetensors", "enhancing-transformers", { layout: "enhancing", headDim: { encoder: 8, decoder: 8 } }],
  ["cnn_vqgan_tiny.safetensors", "taming-transformers", { layout: "taming", imageSize: 16, groups: 2 }],
] as [string, string, Omit<ForeignOptions, "source">][])
  test(`${title}: a published model goes out as it came in: names, shapes and bits`, async () => {
    const { param } = await tensorGroups(file);
    const { model, tensors } = foreignTokenizer(param!, { source: file, ...options });
    const { layout, reason, tensors: written } = torchWeights(model, tensors);
    assert.equal([layout, reason], [title, undefined]);
    assert.equal(Object.keys(written).sort(), Object.keys(param!).sort());
    for (const [name, want] of Object.entries(param!)) assert.equal(written[name], want, name);
  });

test("a ViT-VQGAN that the port has not goes under our names, linear maps turned", () => {
  const weights = weightsOf(smallTokenizer);
  const { layout, reason, tensors } = torchWeights(smallTokenizer, weights);
  assert.is(layout, "vitvq");
  assert.match(reason ?? "", /the port has no such ViT-VQGAN: head: want none, got tanh/);
  assert.is(Object.keys(tensors).length, Object.keys(weights).length);
  const [ours, theirs] = [weights["encoder/latents/kernel"]!, tensors["encoder.latents.weight"]!]; // from 16 to 4
  assert.equal(theirs.shape, [4, 16]);
  assert.is(theirs.data[3 * 16 + 5], ours.data[5 * 4 + 3]);
  for (const [path, name] of [
    ["encoder/stack/blocks/0/norm1/gain", "encoder.stack.blocks.0.norm1.weight"],
    ["decoder/head/up/bias", "decoder.head.up.bias"],
    ["quantizer/codebook", "quantizer.codebook"],
  ] as const)
    assert.equal(tensors[name], weights[path]);
});

test("a CNN-VQGAN that taming-transformers has not goes under our names, filters turned", () => {
  for (const [changed, what] of [
    [{ l2Norm: true }, "l2Norm"],
    [{ logitLaplace: true }, "logitLaplace"],
    [{ codeDepth: 2 }, "residualCodes"],
  ] as const) {
    const model = { ...GOLDEN_CONFIG, ...changed };
    const weights = weightsOf(model);
    const { layout, reason, tensors } = torchWeights(model, weights);
    assert.is(layout, "vitvq");
    assert.match(reason ?? "", new RegExp(`no such VQGAN: ${what}: want false, got true`));
    const [ours, theirs] = [weights["encoder/convIn/kernel"]!, tensors["encoder.convIn.weight"]!];
    assert.equal(
      [ours.shape, theirs.shape],
      [
        [3, 3, 3, 4],
        [4, 3, 3, 3],
      ],
    );
    const [to, from, row, column] = [2, 1, 0, 2];
    assert.is(
      theirs.data[((to * 3 + from) * 3 + row) * 3 + column],
      ours.data[((row * 3 + column) * 3 + from) * 4 + to],
    );
    assert.equal(tensors["encoder.latents.weight"]!.shape, [3, 4], "a linear map, not a convolution");
  }
});

test("a missing tensor is named", () => {
  const { "quantizer/codebook": _, ...rest } = weightsOf(GOLDEN_CONFIG);
  assert.throws(() => torchWeights(GOLDEN_CONFIG, rest), /parameter quantizer\/codebook is missing/);
});

test.run();
