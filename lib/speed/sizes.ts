/** The sizes at which speed is measured. */
import { STACK_SIZES, VIM_SIZES } from "../models/sizes.js";
import type { PictureSize } from "./pictures.js";
import type { PriorSize } from "./sampling.js";
import type { Stage1Size } from "./stage1.js";

export type SpeedSize = {
  /** The tokenizer and a step of its training. */
  readonly stage1: Stage1Size;
  /** Images encoded, or decoded, together. */
  readonly codecBatch: number;
  /** The VIM that is trained and drawn from. */
  readonly prior: PriorSize;
  /** Sequences in a step of its training. */
  readonly priorBatch: number;
  /** Images that the loader decodes unless it is given others, and how many make a batch. */
  readonly pictures: PictureSize;
  readonly pictureBatch: number;
};

export type SpeedSizeName = keyof typeof SPEED_SIZES;

const { tiny, small } = STACK_SIZES;

/**
 * `tiny`: `--preset tiny` of both stages on the demo's images of 28x28. `small`: the paper's ViT-VQGAN Small-Small at
 * 256x256, and a VIM of 12 blocks x 768, the public port's size.
 */
export const SPEED_SIZES = {
  tiny: {
    stage1: {
      imageSize: 28,
      channels: 1,
      patchSize: 4,
      dim: tiny.dim,
      depth: tiny.depth,
      heads: tiny.heads,
      codebookSize: 512,
      codeDim: 8,
      batch: 64,
      discriminatorScale: 0.125,
      vggScale: 1,
    },
    codecBatch: 64,
    prior: {
      dim: VIM_SIZES.tiny.dim,
      depth: VIM_SIZES.tiny.depth,
      heads: VIM_SIZES.tiny.heads,
      vocabulary: 512,
      gridSide: 7,
    },
    priorBatch: 64,
    pictures: { width: 80, height: 64, count: 256 },
    pictureBatch: 64,
  },
  small: {
    stage1: {
      imageSize: 256,
      patchSize: 8,
      dim: small.dim,
      depth: small.depth,
      heads: small.heads,
      codebookSize: 8192,
      codeDim: 32,
      batch: 1,
      discriminatorScale: 1,
      vggScale: 1,
    },
    codecBatch: 4,
    prior: { dim: 768, depth: 12, heads: 12, vocabulary: 8192, gridSide: 32 },
    priorBatch: 1,
    pictures: { width: 500, height: 375, count: 64 }, // the mean size in ImageNet is about this
    pictureBatch: 16,
  },
} as const satisfies Record<string, SpeedSize>;
