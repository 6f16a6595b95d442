/** Weights of the published VQGANs (taming-transformers) under our names. */
import type { NamedHostTensors } from "../../engine/types.js";
import { FileError } from "../../errors.js";
import { flattenSpecs } from "../../nn/params.js";
import { type CnnVqganConfig, cnnVqganSpec } from "../cnnVqgan.js";
import { everyMisfit, misfits } from "./misfits.js";
import { type ForeignParam, type ForeignParams, foreignTensor, torchKernel, translated } from "./params.js";

/** Their word for each of ours that differs. */
const WORDS: Readonly<Record<string, string>> = {
  kernel: "weight",
  gain: "weight",
  convIn: "conv_in",
  convOut: "conv_out",
  normOut: "norm_out",
  blocks: "block",
  attentions: "attn",
  shortcut: "nin_shortcut",
  downsample: "downsample.conv",
  upsample: "upsample.conv",
  block1: "block_1",
  attention: "attn_1",
  block2: "block_2",
  out: "proj_out",
};

/** What lies elsewhere in their tree. */
const PLACES: readonly (readonly [ours: string, theirs: string])[] = [
  ["encoder/latents", "quant_conv"],
  ["decoder/codes", "post_quant_conv"],
  ["quantizer/codebook", "quantize.embedding.weight"],
];

/** Their name of our parameter `encoder/down/0/blocks/1/norm1/gain`: `encoder.down.0.block.1.norm1.weight`. */
export function tamingName(path: string): string {
  const place = PLACES.find(([ours]) => path.startsWith(ours));
  const rest = place ? path.slice(place[0].length).split("/").slice(1) : path.split("/");
  const words = rest.map((word) => WORDS[word] ?? word);
  return [...(place ? [place[1]] : []), ...words].join(".");
}

/** What a training checkpoint holds besides the model: the discriminator and the perceptual loss. */
const NOT_THE_MODEL = /^loss\./;

/**
 * Parameters of `cnnVqganSpec(config)` from a state dictionary of taming-transformers. Tensors below `loss.` are passed
 * over.
 * @param tensors by their names, in PyTorch's order of axes: convolutions [to, from, k, k]
 * @throws FileError naming all tensors that are missing, of another shape or type, or not of this model
 */
export function fromTaming(tensors: NamedHostTensors, config: CnnVqganConfig): NamedHostTensors {
  const params = tamingParams(config);
  const wrong = everyMisfit(misfits(tensors, Object.values(params), NOT_THE_MODEL));
  if (wrong !== "") throw new FileError(`VQGAN weights do not fit the config: ${wrong}`);
  return translated(tensors, params);
}

/** What every parameter of `cnnVqganSpec(config)` is to them; linear maps are 1x1 convolutions there. */
export function tamingParams(config: CnnVqganConfig): ForeignParams {
  const specs = Object.entries(flattenSpecs(cnnVqganSpec(config)));
  return Object.fromEntries(specs.map(([path, { shape }]) => [path, tamingParam(path, shape)]));
}

function tamingParam(path: string, shape: readonly number[]): ForeignParam {
  const name = tamingName(path);
  if (!path.endsWith("/kernel")) return foreignTensor(name, shape);
  return shape.length === 4 ? torchKernel(name, shape) : { ...torchKernel(name, [1, 1, ...shape]), ourShape: shape };
}
