import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../../lib/engine/eager.js";
import { createOnnxEngine } from "../../../lib/engine/onnxruntime.js";
import type { NamedTensors, Step } from "../../../lib/engine/types.js";
import { l2Loss } from "../../../lib/losses/pixel.js";
import { fromPort, toPort } from "../../../lib/models/foreign/portNames.js";
import { lookup } from "../../../lib/models/quantizer.js";
import {
  autoencode,
  decode,
  encode,
  type StackConfig,
  type VitVqganConfig,
  type VitVqganParams,
  vitVqganSpec,
} from "../../../lib/models/vitVqgan.js";
import { attention } from "../../../lib/nn/attention.js";
import { block } from "../../../lib/nn/block.js";
import { dense } from "../../../lib/nn/dense.js";
import { valueAndGradients } from "../../../lib/nn/gradients.js";
import { layerNorm } from "../../../lib/nn/layerNorm.js";
import { paramTree } from "../../../lib/nn/params.js";
import { patchify } from "../../../lib/nn/patches.js";
import { sinCosPositions } from "../../../lib/nn/positions.js";
import { underPrefix, withPrefix } from "../../../lib/train/named.js";
import { expectClose } from "../../support.js";
import { golden } from "../support/golden.js";
import { PORT_MODELS } from "../support/port.js";
import { tensorGroups } from "../support/taming.js";

const test = suite("models/foreign/portParity");

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
      ...withPrefix("act.enc.", branches(params.encoder.stack, model.encoder, patches)),
      "act.post_quant": post!,
      ...withPrefix("act.dec.", branches(params.decoder.stack, model.decoder, post!)),
      ...withPrefix("gradient/", gradients),
    };
  };
}

for (const [name, options] of Object.entries(PORT_MODELS))
  for (const [engine, create] of [
    ["onnxruntime", () => createOnnxEngine()],
    ["javascript", () => createEagerEngine("cpu")],
  ] as const)
    test(`${engine}: ${name} does all that the port does: codes exactly, values, every branch and every gradient`, async () => {
      const stored = await tensorGroups(`${name}.safetensors`);
      const { model, tensors } = fromPort(stored["param"]!, options);
      const file = await golden(`${name}.safetensors`);
      const inputs = { ...tensors, image: file.images("in.image") };
      const program = await (await create()).compile(goldenStep(model), { name, inputs });
      const got = await program.run(inputs);
      await program.dispose();

      const { codes, encoder, ...out } = stored["out"]!;
      assert.equal([...got["out.codes"]!.data], [...codes!.data]);
      expectClose(got["act.enc.norm"]!.data, encoder!.data, "out.encoder", { relative: 1e-5 });
      const seen = { ...withPrefix("out.", out), ...withPrefix("act.", stored["act"]!) };
      for (const [key, { data, shape }] of Object.entries(seen)) {
        const want = shape.length === 4 ? file.images(key).data : data;
        expectClose(got[key]!.data, want, key, { relative: 1e-5 });
      }
      const slopes = toPort(model, underPrefix("gradient/", got));
      const wanted = stored["grad"]!;
      const positions = Object.keys(slopes).filter((key) => key.endsWith("pos_embedding"));
      assert.equal([...Object.keys(wanted), ...positions].sort(), Object.keys(slopes).sort());
      for (const [key, { data }] of Object.entries(wanted))
        expectClose(slopes[key]!.data, data, `grad.${key}`, { relative: 1e-5 });
    });

test.run();
