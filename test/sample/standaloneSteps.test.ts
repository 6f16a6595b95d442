import * as ort from "onnxruntime-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportStep } from "../../lib/engine/exportStep.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { codesPerImage, type TokenizerConfig, tokenizerOf } from "../../lib/models/tokenizer.js";
import { flattenSpecs, initialise } from "../../lib/nn/params.js";
import { rngFrom } from "../../lib/random.js";
import { createDecoder, createEncoder } from "../../lib/sample/codec.js";
import { type StandaloneStep, standaloneSteps } from "../../lib/sample/standaloneSteps.js";
import { smallTokenizer } from "../commands/support/smallTokenizer.js";
import { GOLDEN_CONFIG } from "../models/support/taming.js";
import { expectClose } from "../support.js";

const test = suite("sample/standaloneSteps");

const MODELS: Record<string, TokenizerConfig> = {
  "ViT-VQGAN": smallTokenizer,
  "ViT-VQGAN with densities, learned positions and raw codes": {
    ...smallTokenizer,
    channels: 1,
    logitLaplace: true,
    positions: "learned",
    l2Norm: false,
  },
  "CNN-VQGAN": { ...GOLDEN_CONFIG, codebookInit: "uniform" },
};
const B = 2;

const weightsOf = (model: TokenizerConfig): NamedHostTensors => initialise(flattenSpecs(tokenizerOf(model).spec), 5);

function drawnImages({ imageSize, channels }: TokenizerConfig): Float32Array {
  const rng = rngFrom(4);
  return Float32Array.from({ length: B * imageSize ** 2 * channels }, () => rng.uniform());
}

/** Runs a step's file by ONNX Runtime alone. */
async function run({ step, options }: StandaloneStep, input: ort.Tensor): Promise<Record<string, ort.Tensor>> {
  const { model, nodes } = exportStep(step, options);
  for (const { op, domain } of nodes) assert.is(domain, "", op);
  const session = await ort.InferenceSession.create(model);
  const results = await session.run({ [session.inputNames[0]!]: input });
  await session.release();
  return results as Record<string, ort.Tensor>;
}

for (const [name, model] of Object.entries(MODELS))
  test(`${name}: the files run by onnxruntime alone do what encoder and decoder do`, async () => {
    const weights = weightsOf(model);
    const images = drawnImages(model);
    const engine = await createOnnxEngine({ threads: 1 });
    const codec = { engine, model, weights, batchSize: B };
    const [encoder, decoder] = [await createEncoder(codec), await createDecoder(codec)];
    const wantCodes = await encoder.encode(images);
    const wantImages = await decoder.decode(wantCodes);
    await encoder.close();
    await decoder.close();
    assert.ok(new Set(wantCodes).size > 3, "the codes vary");

    const { imageSize, channels, codeDim } = model;
    const steps = standaloneSteps(model, weights, B);
    const encoded = await run(steps.encoder, new ort.Tensor("float32", images, [B, imageSize, imageSize, channels]));
    const { codes, latents } = encoded as { codes: ort.Tensor; latents: ort.Tensor };
    assert.equal(
      [codes.type, codes.dims, latents.dims],
      ["int32", [B, codesPerImage(model)], [...codes.dims, codeDim]],
    );
    assert.equal(codes.data, wantCodes);
    const decoded = (await run(steps.decoder, codes))["images"]!;
    assert.equal(decoded.dims, [B, imageSize, imageSize, channels]);
    expectClose(decoded.data as Float32Array, wantImages, "images", { absolute: 1e-5 });

    const quantized = await run(steps.quantizer, latents);
    assert.equal(quantized["codes"]!.data, wantCodes);
    expectClose(quantized["codewords"]!.data as Float32Array, codewords(model, weights, wantCodes), "codewords", {
      relative: 1e-6,
    });
  });

/** Rows of the codebook, at unit length where the model normalises. */
function codewords({ codeDim, l2Norm }: TokenizerConfig, weights: NamedHostTensors, codes: Int32Array): number[] {
  const { data } = weights["quantizer/codebook"]!;
  return [...codes].flatMap((code) => {
    const row = [...data.subarray(code * codeDim, (code + 1) * codeDim)];
    const length = l2Norm ? Math.hypot(...row) : 1;
    return row.map((value) => value / length);
  });
}

test("with several codes a token there is an axis for them, and the codewords are their sums", async () => {
  const model: TokenizerConfig = { ...smallTokenizer, l2Norm: false, straightThrough: "raw", codeDepth: 2 };
  const weights = weightsOf(model);
  const steps = standaloneSteps(model, weights, B);
  const { codes, latents } = (await run(
    steps.encoder,
    new ort.Tensor("float32", drawnImages(model), [B, 32, 32, 3]),
  )) as { codes: ort.Tensor; latents: ort.Tensor };
  assert.equal(codes.dims, [B, 16, 2]);
  const sums = (await run(steps.quantizer, latents))["codewords"]!;
  const rows = codewords(model, weights, codes.data as Int32Array); // of both codes, one after the other
  const want = Array.from({ length: B * 16 * 4 }, (_, i) => {
    const [token, place] = [Math.floor(i / 4), i % 4];
    return rows[token * 8 + place]! + rows[token * 8 + 4 + place]!;
  });
  expectClose(sums.data as Float32Array, want, "sums", { relative: 1e-6 });
  assert.equal((await run(steps.decoder, codes))["images"]!.dims, [B, 32, 32, 3]);
});

test.run();
