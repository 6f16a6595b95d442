import { suite } from "uvu";
import * as assert from "uvu/assert";
import { layoutOf, modelNames } from "../../../lib/models/foreign/layouts.js";
import { tensorGroups } from "../support/taming.js";

const test = suite("models/foreign/layouts");

test("a file of something else is refused with what its names begin with, and where in it one may be", () => {
  const message = /^vgg\.pth: neither a ViT-VQGAN .* nor a VQGAN .*: the names of its 2 tensors begin with features$/;
  assert.throws(() => layoutOf("vgg.pth", ["features.0.weight", "features.0.bias"]), message);
  const both = ["transformer.head.weight", "first_stage_model.encoder.conv_in.weight"];
  assert.throws(() => layoutOf("both.ckpt", both), /there is one below the prefix first_stage_model$/);
  const many = Array.from({ length: 20 }, (_, i) => `layer${i}.weight`);
  assert.throws(() => layoutOf("x", many), /begin with layer0, .*layer7, \.\.\. \(20\)$/);
});

test("a stage 2 is known by its names, alone or within the checkpoint of its training", async () => {
  const { param } = await tensorGroups("gpt_tiny.safetensors");
  const names = Object.keys(param!);
  assert.is(layoutOf("bare.pt", names), "enhancing-gpt");
  assert.equal(modelNames("enhancing-gpt", [...names, "mask"]), { inside: "", own: names, beside: ["mask"] });
  const own = names.map((name) => `transformer.${name}`);
  const beside = ["stage1_model.encoder.to_patch_embedding.0.weight", "cond_model.table", "blocks.0.ln1.weight"];
  assert.is(layoutOf("both.ckpt", [...beside, ...own]), "enhancing-gpt");
  assert.equal(modelNames("enhancing-gpt", [...beside, ...own]), { inside: "transformer.", own, beside });
  const deeper = own.map((name) => `model.${name}`);
  assert.throws(() => layoutOf("x", deeper), /nor a VQGAN .*; there is one below the prefix model\.transformer$/);
});

test.run();
