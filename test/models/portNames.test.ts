import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { HostTensor, NamedHostTensors, NamedTensors, Step } from "../../lib/engine/types.js";
import { FileError } from "../../lib/errors.js";
import { readHostTensors } from "../../lib/files/hostTensors.js";
import { l2Loss } from "../../lib/losses/pixel.js";
import { fromPort, type PortOptions, portModel, portTensors, toPort } from "../../lib/models/portNames.js";
import { lookup } from "../../lib/models/quantizer.js";
import {
  autoencode,
  decode,
  encode,
  type StackConfig,
  type VitVqganConfig,
  type VitVqganParams,
  vitVqganSpec,
} from "../../lib/models/vitVqgan.js";
import { attention } from "../../lib/nn/attention.js";
import { block } from "../../lib/nn/block.js";
import { dense } from "../../lib/nn/dense.js";
import { valueAndGradients } from "../../lib/nn/gradients.js";
import { layerNorm } from "../../lib/nn/layerNorm.js";
import { countParameters, flattenSpecs, paramTree } from "../../lib/nn/params.js";
import { patchify } from "../../lib/nn/patches.js";
import { sinCosPositions } from "../../lib/nn/positions.js";
import { expectClose, fixture } from "../support.js";
import { golden } from "./support/golden.js";

const test = suite("models/portNames");

/** Golden models and what their shapes do not tell. */
const MODELS: Record<string, PortOptions> = {
  vitvq_tiny: { headDim: { encoder: 8, decoder: 8 } },
  vitvq_tiny_asym: { headDim: { decoder: 12 }, quantizer: { commitment: 0.4 } },
};

/** The tensors of a golden file below `prefix`. */
async function under(name: string, prefix: string): Promise<NamedHostTensors> {
  const { tensors } = await readHostTensors(fixture("golden", `${name}.safetensors`));
  const found = Object.entries(tensors).filter(([key]) => key.startsWith(prefix));
  return Object.fromEntries(found.map(([key, tensor]) => [key.slice(prefix.length), tensor]));
}

const prefixed = (prefix: string, named: NamedTensors): NamedTensors =>
  Object.fromEntries(Object.entries(named).map(([name, tensor]) => [prefix + name, tensor]));

/** What every branch of a stack adds, by the golden names, and the tokens after its norm. */
function branches(params: VitVqganParams["encoder"]["stack"], config: StackConfig, tokens: tf.Tensor): NamedTensors {
  const [, N] = tokens.shape as [number, number];
  const side = Math.sqrt(N);
  const made: NamedTensors = {};
  let x = tf.add(tokens, tf.tensor2d(sinCosPositions(side, side, config.dim), [N, config.dim]));
  for (const [i, each] of params.blocks.entries()) {
    const attended = attention(each.attention, layerNorm(each.norm1, x), config);
    const h = tf.add(x, attended);
    made[`${i}.attn`] = attended;
    made[`${i}.mlp`] = dense(each.mlp.down, tf.tanh(dense(each.mlp.up, layerNorm(each.norm2, h))));
    x = block(each, config, x);
  }
  made["norm"] = layerNorm(params.norm, x);
  return made;
}

/** Everything in a golden file, by its names where the layouts are the same; gradients by our names. */
function goldenStep(model: VitVqganConfig): Step {
  return ({ image, ...named }) => {
    const params = paramTree(vitVqganSpec(model), named);
    const latents = encode(params.encoder, model, image!);
    const patches = dense(params.encoder.patches, patchify(image!, model.patchSize));
    const { loss, gradients, aux } = valueAndGradients(() => {
      const { image: recon, quantized } = autoencode(params, model, image!);
      const { codes, straightThrough } = quantized;
      const qloss = tf.add(quantized.loss.codebook, quantized.loss.commitment);
      const post = dense(params.decoder.codes, straightThrough);
      return {
        loss: tf.add(l2Loss(recon, image!), qloss) as tf.Scalar,
        aux: { recon, codes, quantized: straightThrough, qloss, post },
      };
    }, named);
    const { recon, codes, quantized, qloss, post } = aux as Record<string, tf.Tensor>;
    return {
      "out.prequant": latents,
      "out.codes": codes!,
      "out.quantized": quantized!,
      "out.qloss": qloss!,
      "out.recon": recon!,
      "out.recon_from_codes": decode(params.decoder, model, lookup(params.quantizer, model, codes!)).image,
      "out.loss": loss,
      "act.enc.patches": patches,
      ...prefixed("act.enc.", branches(params.encoder.stack, model.encoder, patches)),
      "act.post_quant": post!,
      ...prefixed("act.dec.", branches(params.decoder.stack, model.decoder, post!)),
      ...prefixed("gradient/", gradients),
    };
  };
}

for (const [name, options] of Object.entries(MODELS))
  for (const [engine, create] of [
    ["onnxruntime", () => createOnnxEngine()],
    ["javascript", () => createEagerEngine("cpu")],
  ] as const)
    test(`${engine}: ${name} does all that the port does: codes exactly, values, every branch and every gradient`, async () => {
      const { model, tensors } = fromPort(await under(name, "param."), options);
      const file = await golden(`${name}.safetensors`);
      const inputs = { ...tensors, image: file.images("in.image") };
      const program = await (await create()).compile(goldenStep(model), { name, inputs });
      const got = await program.run(inputs);
      await program.dispose();

      const { codes, encoder, ...out } = await under(name, "out.");
      assert.equal([...got["out.codes"]!.data], [...codes!.data]);
      expectClose(got["act.enc.norm"]!.data, encoder!.data, "out.encoder", { relative: 1e-5 });
      const stored = { ...prefixedHost("out.", out), ...prefixedHost("act.", await under(name, "act.")) };
      for (const [key, { data, shape }] of Object.entries(stored)) {
        const want = shape.length === 4 ? file.images(key).data : data;
        expectClose(got[key]!.data, want, key, { relative: 1e-5 });
      }
      const slopes = toPort(model, pickHost("gradient/", got));
      const wanted = await under(name, "grad.");
      const positions = Object.keys(slopes).filter((key) => key.endsWith("pos_embedding"));
      assert.equal([...Object.keys(wanted), ...positions].sort(), Object.keys(slopes).sort());
      for (const [key, { data }] of Object.entries(wanted))
        expectClose(slopes[key]!.data, data, `grad.${key}`, { relative: 1e-5 });
    });

const prefixedHost = (prefix: string, named: NamedHostTensors): NamedHostTensors =>
  Object.fromEntries(Object.entries(named).map(([name, tensor]) => [prefix + name, tensor]));

const pickHost = (prefix: string, named: NamedHostTensors): NamedHostTensors =>
  Object.fromEntries(
    Object.entries(named).flatMap(([name, one]) => (name.startsWith(prefix) ? [[name.slice(prefix.length), one]] : [])),
  );

for (const [name, options] of Object.entries(MODELS))
  test(`${name} comes and goes without a change: names, shapes and bits`, async () => {
    const params = await under(name, "param.");
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
  assert.equal(portModel(await under("vitvq_tiny_asym", "param."), MODELS["vitvq_tiny_asym"]), {
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
  const options = MODELS["vitvq_tiny"]!;
  const params = await under("vitvq_tiny", "param.");
  const name = "decoder.de_pos_embedding";
  const moved = { ...params[name]!, data: params[name]!.data.map((value) => value + 0.01) };
  const { model, tensors } = fromPort({ ...params, [name]: moved }, options);
  assert.is(model.positions, "learned");
  assert.equal(tensors["decoder/stack/positions"], { dtype: "float32", shape: [16, 32], data: moved.data });
  assert.equal(tensors["encoder/stack/positions"]!.data, params["encoder.en_pos_embedding"]!.data);
  assert.equal(toPort(model, tensors)[name]!.data, moved.data);
});

test("what the model has no use for is listed, the losses apart", async () => {
  const params = await under("vitvq_tiny", "param.");
  const one: HostTensor = { dtype: "float32", shape: [1], data: new Float32Array(1) };
  const more = { ...params, "loss.discriminator.blocks.0.0.weight": one, "ema.decay": one, lossy: one };
  assert.equal(fromPort(more, MODELS["vitvq_tiny"]).left, ["ema.decay", "lossy"]);
});

test("one head as wide as the tokens goes without the map after attention", async () => {
  const params = await under("vitvq_tiny", "param.");
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

const refuses = (f: () => unknown, kind: typeof FileError | typeof RangeError, ...patterns: RegExp[]) =>
  assert.throws(f, (error: unknown) => error instanceof kind && patterns.every((one) => one.test(error.message)));

test("every tensor that is missing or of another shape or type is named", async () => {
  const params = await under("vitvq_tiny", "param.");
  const options = { ...MODELS["vitvq_tiny"], source: "old.ckpt" };
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
  refuses(
    () => fromPort(twisted, options),
    FileError,
    /^old\.ckpt is not a ViT-VQGAN of enhancing-transformers: /,
    ...gone.map((name) => new RegExp(`${name} is missing`)),
    /post_quant\.bias: want \[32\], got \[4, 8\]/,
    /encoder\.transformer\.layers\.1\.0\.norm\.bias: want \[32\], got \[8\]/,
    /quantizer\.embedding\.weight: want float32, got int32/,
  );
  refuses(() => fromPort({}, options), FileError, /decoder\.transformer\.layers\.0\.0\.fn\.to_qkv\.weight is missing/);
});

test("sizes that no such model has are refused", async () => {
  const params = await under("vitvq_tiny", "param.");
  refuses(() => fromPort(params), FileError, /encoder: attention of width 32 is not made of heads of width 64/);
  const shapes = (change: (shape: readonly number[]) => readonly number[]) =>
    Object.fromEntries(
      Object.entries(params).map(([name, { dtype, shape }]) => [name, { dtype, shape: change(shape) }] as const),
    );
  const options = MODELS["vitvq_tiny"]!;
  const oblong = shapes((shape) => (shape.length === 3 ? [1, 15, 32] : shape));
  refuses(() => portModel(oblong, options), FileError, /positions of a square grid, got 15 tokens/);
  const layered = shapes((shape) => (shape.length === 4 ? [32, 4, 8, 8] : String(shape) === "3" ? [4] : shape));
  refuses(() => portModel(layered, options), FileError, /images of 1 or 3 channels, got 4/);
});

test("models that the port cannot have, and weights of another shape, are not written for it", async () => {
  const { model, tensors } = fromPort(await under("vitvq_tiny", "param."), MODELS["vitvq_tiny"]);
  const bad: [Partial<VitVqganConfig>, RegExp][] = [
    [{ head: "tanh" }, /head: want none, got tanh/],
    [{ logitLaplace: true }, /logitLaplace: want false, got true/],
    [{ pixelBias: "pixel" }, /pixelBias: want channel, got pixel/],
    [{ encoder: { ...model.encoder, activation: "gelu" } }, /encoder\.activation: want tanh, got gelu/],
    [{ encoder: { ...model.encoder, tokenShift: true } }, /encoder\.tokenShift: want false, got true/],
    [{ decoder: { ...model.decoder, qkvBias: true } }, /decoder\.qkvBias: want false, got true/],
    [{ decoder: { ...model.decoder, outProjection: false } }, /decoder\.outProjection: want true, got false/],
  ];
  for (const [change, pattern] of bad) refuses(() => toPort({ ...model, ...change }, tensors), RangeError, pattern);
  const codebook = { ...tensors["quantizer/codebook"]!, shape: [8, 64] };
  refuses(
    () => toPort(model, { ...tensors, "quantizer/codebook": codebook }),
    RangeError,
    /parameter quantizer\/codebook: want \[64, 8\], got \[8, 64\]/,
  );
  refuses(() => toPort(model, {}), RangeError, /parameter encoder\/patches\/kernel: want .*, got none/);
});

test.run();
