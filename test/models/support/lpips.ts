/** The golden LPIPS, and VGG-16 once more as loops over doubles. */
import type { HostTensor, NamedHostTensors } from "../../../lib/engine/types.js";
import { readHostTensors } from "../../../lib/files/hostTensors.js";
import type { PerceptualConfig } from "../../../lib/losses/perceptual.js";
import { rngFrom } from "../../../lib/random.js";
import { sizeOf } from "../../../lib/shapes.js";
import { convByLoops, type Images } from "../../nn/support/convolution.js";
import { type Numbers, rowsOf } from "../../nn/support/loops.js";
import { fixture } from "../../support.js";
import { golden } from "./golden.js";

export type GoldenLpips = {
  readonly config: PerceptualConfig;
  /** The parameters by the reference's names. */
  readonly tensors: NamedHostTensors;
  readonly images: HostTensor;
  readonly reconstructions: HostTensor;
  readonly perImage: Float32Array;
  readonly loss: Float32Array;
  /** Of the loss by the reconstructions. */
  readonly gradient: HostTensor;
};

export async function goldenLpips(): Promise<GoldenLpips> {
  const file = await golden(NAME);
  const { tensors: all } = await readHostTensors(fixture("golden", NAME));
  const params = Object.entries(all).filter(([name]) => name.startsWith("param."));
  return {
    config: { widths: [4, 5, 6, 7, 8], form: "lpips" },
    tensors: Object.fromEntries(params.map(([name, tensor]) => [name.slice("param.".length), tensor])),
    images: file.images("in.image"),
    reconstructions: file.images("in.recon"),
    perImage: file.values("out.per_image"),
    loss: file.values("out.loss"),
    gradient: file.images("grad.in.recon"),
  };
}

const NAME = "lpips_tiny.safetensors";

/** Uniform pixels, as a tensor and for the loops. */
export function imagesOf(shape: Images["shape"], seed: number): HostTensor & Images {
  const rng = rngFrom(seed);
  const data = Float32Array.from({ length: sizeOf(shape) }, () => rng.uniform());
  return { dtype: "float32", shape, data, values: Array.from(data) };
}

/** The five feature maps of images in [0, 1], by parameters under our names. */
export function vgg16ByLoops(named: NamedHostTensors, { shape, values }: Images): Images[] {
  const mean = [0.485, 0.456, 0.406];
  const deviation = [0.229, 0.224, 0.225];
  const [B, H, W] = shape;
  const colours = rowsOf(values, shape[3]).flatMap((pixel) =>
    mean.map((m, c) => ((pixel[c] ?? pixel[0]!) - m) / deviation[c]!),
  );
  let x: Images = { shape: [B, H, W, 3], values: colours };
  return [2, 2, 3, 3, 3].map((count, level) => {
    if (level > 0) x = halved(x);
    for (let i = 0; i < count; i++) x = layer(named, `levels/${level}/${i}`, x);
    return x;
  });
}

function layer(named: NamedHostTensors, name: string, x: Images): Images {
  const { shape, data } = named[`${name}/kernel`]!;
  const bias = named[`${name}/bias`]!.data;
  const kernel = { shape: shape as [number, number, number, number], values: Array.from(data) };
  const [B, H, W] = x.shape;
  const sums = convByLoops(x, { kernel, stride: 1, before: 1, out: [H, W] });
  const values = sums.map((sum, i) => Math.max(0, sum + bias[i % bias.length]!));
  return { shape: [B, H, W, bias.length], values };
}

function halved({ shape: [B, H, W, C], values }: Images): Images {
  const [rows, columns] = [Math.floor(H / 2), Math.floor(W / 2)];
  const largest: number[] = [];
  for (let b = 0; b < B; b++)
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++)
        for (let c = 0; c < C; c++) {
          const at = (y: number, x: number) => values[((b * H + 2 * i + y) * W + 2 * j + x) * C + c]!;
          largest.push(Math.max(at(0, 0), at(0, 1), at(1, 0), at(1, 1)));
        }
  return { shape: [B, rows, columns, C], values: largest };
}

/** Distance of each pair of feature maps, summed over levels; `weights` of the channels of each level, or 1. */
export function distancesByLoops(a: readonly Images[], b: readonly Images[], weights?: readonly Numbers[]): number[] {
  const distances = new Array<number>(a[0]!.shape[0]).fill(0);
  for (const [level, { shape, values }] of a.entries()) {
    const [B, H, W, C] = shape;
    const left = rowsOf(values, C).map(unit);
    const right = rowsOf(b[level]!.values, C).map(unit);
    for (const [at, vector] of left.entries()) {
      const squares = vector.map((value, c) => (weights?.[level]?.[c] ?? 1) * (value - right[at]![c]!) ** 2);
      distances[Math.floor((at * B) / left.length)]! += squares.reduce((sum, square) => sum + square, 0) / (H * W);
    }
  }
  return distances;
}

function unit(vector: Numbers): Numbers {
  const norm = Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0)) + 1e-10;
  return vector.map((value) => value / norm);
}
