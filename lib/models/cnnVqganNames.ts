/** Weights of the published VQGANs (taming-transformers) under our names. */
import type { HostTensor, NamedHostTensors } from "../engine/types.js";
import { FileError } from "../errors.js";
import { flattenSpecs, type ParamSpec } from "../nn/params.js";
import { type CnnVqganConfig, cnnVqganSpec } from "./cnnVqgan.js";

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
const NOT_THE_MODEL = "loss.";

/**
 * Parameters of `cnnVqganSpec(config)` from a state dictionary of taming-transformers. Tensors below `loss.` are passed
 * over.
 * @param tensors by their names, in PyTorch's order of axes: convolutions [to, from, k, k]
 * @throws FileError naming all tensors that are missing, of another shape, or not of this model
 */
export function fromTaming(tensors: NamedHostTensors, config: CnnVqganConfig): NamedHostTensors {
  const specs = flattenSpecs(cnnVqganSpec(config));
  const named: NamedHostTensors = {};
  const wrong: string[] = [];
  const known = new Set<string>();
  for (const [path, spec] of Object.entries(specs)) {
    const name = tamingName(path);
    known.add(name);
    const tensor = tensors[name];
    const wanted = theirShape(path, spec);
    if (!tensor) wrong.push(`${name} is missing`);
    else if (tensor.dtype !== "float32" || !sameShape(tensor.shape, wanted))
      wrong.push(`${name}: want float32 [${wanted.join(", ")}], got ${tensor.dtype} [${tensor.shape.join(", ")}]`);
    else named[path] = isKernel(path) ? tapsFirst(tensor, spec.shape) : tensor;
  }
  for (const name of Object.keys(tensors))
    if (!known.has(name) && !name.startsWith(NOT_THE_MODEL)) wrong.push(`${name} is not of this model`);
  if (wrong.length > 0) throw new FileError(`VQGAN weights do not fit the config: ${wrong.join("; ")}`);
  return named;
}

function isKernel(path: string): boolean {
  return path.endsWith("/kernel");
}

/** [k, k, from, to], or [from, to] for a linear map, as [to, from, k, k]. */
function theirShape(path: string, { shape }: ParamSpec): readonly number[] {
  if (!isKernel(path)) return shape;
  const [from, to] = shape.slice(-2) as [number, number];
  const side = shape.length === 4 ? shape[0]! : 1;
  return [to, from, side, side];
}

/** [to, from, k, k] as [k, k, from, to] or, for k = 1, [from, to]. */
function tapsFirst({ shape, data }: HostTensor, ours: readonly number[]): HostTensor {
  const [to, from, height, width] = shape as [number, number, number, number];
  const taps = height * width;
  const moved = new Float32Array(data.length);
  for (let o = 0; o < to; o++)
    for (let i = 0; i < from; i++)
      for (let tap = 0; tap < taps; tap++) moved[(tap * from + i) * to + o] = data[(o * from + i) * taps + tap]!;
  return { dtype: "float32", shape: ours, data: moved };
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}
