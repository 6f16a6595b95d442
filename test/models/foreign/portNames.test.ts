import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { HostTensor, NamedHostTensors } from "../../../lib/engine/types.js";
import { FileError } from "../../../lib/errors.js";
import { fromPort, type PortOptions, portModel, portTensors, toPort } from "../../../lib/models/foreign/portNames.js";
import { type StackConfig, type VitVqganConfig, vitVqganSpec } from "../../../lib/models/vitVqgan.js";
import { countParameters, flattenSpecs } from "../../../lib/nn/params.js";
import { expectThrow } from "../../support.js";
import { PORT_MODELS } from "../support/port.js";
import { tensorGroups } from "../support/taming.js";

const test = suite("models/foreign/portNames");

const paramsOf = async (name: string): Promise<NamedHostTensors> =>
  (await tensorGroups(`${name}.safetensors`))["param"]!;

for (const [name, options] of Object.entries(PORT_MODELS))
  test(`${name} comes and goes without a change: names, shapes and bits`, async () => {
    const params = await paramsOf(name);
    const { model, tensors, left } = fromPort(params, options);
    assert.equal(left, []);
    assert.is(model.positions, "sincos");
    const back = toPort(model, tensors);
    assert.equal(Object.keys(back).sort(), Object.keys(params).sort());
    for (const [key, { shape, data }] of Object.entries(params)) {
      assert.equal(back[key]!.shape, shape, key);
      assert.equal(back[key]!.data, data, key);
    }
    const again = fromPort(back, options);
    assert.equal(again, { model, tensors, left });
  });

test("the configuration is read off the shapes, apart from head widths and the commitment", async () => {
  assert.equal(portModel(await paramsOf("vitvq_tiny_asym"), PORT_MODELS["vitvq_tiny_asym"]), {
    imageSize: 24,
    channels: 3,
    patchSize: 8,
    encoder: stackOf({ dim: 24, depth: 1, heads: 2, mlpDim: 40 }),
    decoder: { ...stackOf({ dim: 40, depth: 2, heads: 2, mlpDim: 56 }), headDim: 12 },
    codebookSize: 32,
    codeDim: 6,
    l2Norm: true,
    commitment: 0.4,
    straightThrough: "raw",
    vqReduction: "mean",
    head: "none",
    positions: "sincos",
    logitLaplace: false,
    pixelBias: "channel",
  });
});

/** A stack as the port has it. */
function stackOf(size: Pick<StackConfig, "dim" | "depth" | "heads" | "mlpDim">): StackConfig {
  return { ...size, headDim: 64, activation: "tanh", qkvBias: false, outProjection: true };
}

const SMALL = stackOf({ dim: 512, depth: 8, heads: 8, mlpDim: 2048 });
const BASE = stackOf({ dim: 768, depth: 12, heads: 12, mlpDim: 3072 });
const LARGE = stackOf({ dim: 1280, depth: 32, heads: 16, mlpDim: 5120 });

for (const [size, encoder, decoder, parameters] of [
  ["small", SMALL, SMALL, 50_908_195],
  ["base", BASE, BASE, 170_664_483],
  ["large", SMALL, LARGE, 613_487_907],
] as const)
  test(`the port's ${size} model has ${parameters.toLocaleString("en")} parameters, and its shapes tell its configuration`, () => {
    const model: VitVqganConfig = {
      imageSize: 256,
      channels: 3,
      patchSize: 8,
      encoder,
      decoder,
      codebookSize: 8192,
      codeDim: 32,
      l2Norm: true,
      commitment: 0.25,
      straightThrough: "raw",
      vqReduction: "mean",
      head: "none",
      positions: "sincos",
      logitLaplace: false,
      pixelBias: "channel",
    };
    assert.is(countParameters(flattenSpecs(vitVqganSpec(model))), parameters);
    const shapes = portTensors(model).map(({ theirs, shape }) => [theirs, { dtype: "float32", shape }] as const);
    assert.equal(portModel(Object.fromEntries(shapes)), model);
  });

test("positions other than the table are kept, and learned from then on", async () => {
  const options = PORT_MODELS["vitvq_tiny"]!;
  const params = await paramsOf("vitvq_tiny");
  const name = "decoder.de_pos_embedding";
  const moved = { ...params[name]!, data: params[name]!.data.map((value) => value + 0.01) };
  const { model, tensors } = fromPort({ ...params, [name]: moved }, options);
  assert.is(model.positions, "learned");
  assert.equal(tensors["decoder/stack/positions"], { dtype: "float32", shape: [16, 32], data: moved.data });
  assert.equal(tensors["encoder/stack/positions"]!.data, params["encoder.en_pos_embedding"]!.data);
  assert.equal(toPort(model, tensors)[name]!.data, moved.data);
});

test("what the model has no use for is listed, the losses apart", async () => {
  const params = await paramsOf("vitvq_tiny");
  const one: HostTensor = { dtype: "float32", shape: [1], data: new Float32Array(1) };
  const more = { ...params, "loss.discriminator.blocks.0.0.weight": one, "ema.decay": one, lossy: one };
  assert.equal(fromPort(more, PORT_MODELS["vitvq_tiny"]).left, ["ema.decay", "lossy"]);
});

test("one head as wide as the tokens goes without the map after attention", async () => {
  const params = await paramsOf("vitvq_tiny");
  const options: PortOptions = { headDim: { encoder: 8, decoder: 32 } };
  assert.throws(
    () => fromPort(params, options),
    /decoder\.\S+\.to_out\.weight has no place after one head of width 32/,
  );
  const kept = Object.entries(params).filter(([name]) => !/^decoder.*to_out/.test(name));
  const { model, tensors, left } = fromPort(Object.fromEntries(kept), options);
  assert.equal([model.encoder.outProjection, model.decoder.outProjection, model.decoder.heads], [true, false, 1]);
  assert.ok(tensors["encoder/stack/blocks/0/attention/out/kernel"]);
  assert.not.ok(tensors["decoder/stack/blocks/0/attention/out/kernel"]);
  assert.equal(left, []);
  assert.equal(Object.keys(toPort(model, tensors)).length, kept.length);
});

test("every tensor that is missing or of another shape or type is named", async () => {
  const params = await paramsOf("vitvq_tiny");
  const options = { ...PORT_MODELS["vitvq_tiny"], source: "old.ckpt" };
  const gone = [
    "decoder.transformer.layers.1.1.fn.net.2.bias",
    "encoder.to_patch_embedding.0.weight",
    "pre_quant.bias",
  ];
  const kept = Object.fromEntries(Object.entries(params).filter(([name]) => !gone.includes(name)));
  const twisted: NamedHostTensors = {
    ...kept,
    "post_quant.bias": { ...params["post_quant.bias"]!, shape: [4, 8] },
    "encoder.transformer.layers.1.0.norm.bias": { ...params["pre_quant.bias"]! },
    "quantizer.embedding.weight": { dtype: "int32", shape: [64, 8], data: new Int32Array(512) },
  };
  expectThrow(
    () => fromPort(twisted, options),
    FileError,
    /^old\.ckpt is not a ViT-VQGAN of enhancing-transformers: /,
    ...gone.map((name) => new RegExp(`${name} is missing`)),
    /post_quant\.bias: want float32 \[32\], got float32 \[4, 8\]/,
    /encoder\.transformer\.layers\.1\.0\.norm\.bias: want float32 \[32\], got float32 \[8\]/,
    /quantizer\.embedding\.weight: want float32 \[64, 8\], got int32 \[64, 8\]/,
  );
  expectThrow(
    () => fromPort({}, options),
    FileError,
    /decoder\.transformer\.layers\.0\.0\.fn\.to_qkv\.weight is missing/,
  );
});

test("sizes that no such model has are refused", async () => {
  const params = await paramsOf("vitvq_tiny");
  expectThrow(() => fromPort(params), FileError, /encoder: attention of width 32 is not made of heads of width 64/);
  const shapes = (change: (shape: readonly number[]) => readonly number[]) =>
    Object.fromEntries(
      Object.entries(params).map(([name, { dtype, shape }]) => [name, { dtype, shape: change(shape) }] as const),
    );
  const options = PORT_MODELS["vitvq_tiny"]!;
  const oblong = shapes((shape) => (shape.length === 3 ? [1, 15, 32] : shape));
  expectThrow(() => portModel(oblong, options), FileError, /positions of a square grid, got 15 tokens/);
  const layered = shapes((shape) => (shape.length === 4 ? [32, 4, 8, 8] : String(shape) === "3" ? [4] : shape));
  expectThrow(() => portModel(layered, options), FileError, /images of 1 or 3 channels, got 4/);
});

test("models that the port cannot have, and weights of another shape, are not written for it", async () => {
  const { model, tensors } = fromPort(await paramsOf("vitvq_tiny"), PORT_MODELS["vitvq_tiny"]);
  const bad: [Partial<VitVqganConfig>, RegExp][] = [
    [{ head: "tanh" }, /head: want none, got tanh/],
    [{ logitLaplace: true }, /logitLaplace: want false, got true/],
    [{ pixelBias: "pixel" }, /pixelBias: want channel, got pixel/],
    [{ encoder: { ...model.encoder, activation: "gelu" } }, /encoder\.activation: want tanh, got gelu/],
    [{ encoder: { ...model.encoder, tokenShift: true } }, /encoder\.tokenShift: want false, got true/],
    [{ decoder: { ...model.decoder, qkvBias: true } }, /decoder\.qkvBias: want false, got true/],
    [{ decoder: { ...model.decoder, outProjection: false } }, /decoder\.outProjection: want true, got false/],
  ];
  for (const [change, pattern] of bad) expectThrow(() => toPort({ ...model, ...change }, tensors), RangeError, pattern);
  const codebook = { ...tensors["quantizer/codebook"]!, shape: [8, 64] };
  expectThrow(
    () => toPort(model, { ...tensors, "quantizer/codebook": codebook }),
    RangeError,
    /parameter quantizer\/codebook: want \[64, 8\], got \[8, 64\]/,
  );
  expectThrow(() => toPort(model, {}), RangeError, /parameter encoder\/patches\/kernel: want .*, got none/);
});

test.run();
