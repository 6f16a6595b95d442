import type { CnnVqganConfig } from "./cnnVqgan.js";
import type { QuantizerConfig } from "./quantizer.js";
import type { StackConfig } from "./vitVqgan.js";

export type SizeName = "tiny" | "small" | "base" | "large";

/** Sides of a ViT-VQGAN by name. Small, Base and Large are the paper's table 2; tiny is for small images on a laptop. */
export const STACK_SIZES = {
  tiny: { dim: 128, depth: 4, heads: 4, mlpDim: 512 },
  small: { dim: 512, depth: 8, heads: 8, mlpDim: 2048 },
  base: { dim: 768, depth: 12, heads: 12, mlpDim: 3072 },
  large: { dim: 1280, depth: 32, heads: 16, mlpDim: 5120 },
} as const satisfies Record<SizeName, StackConfig>;

/** VIM by name. Base and Large are the paper's table 2. */
export const VIM_SIZES = {
  tiny: { dim: 128, depth: 6, heads: 4, mlpDim: 512 },
  small: { dim: 512, depth: 12, heads: 8, mlpDim: 2048 },
  base: { dim: 1536, depth: 24, heads: 16, mlpDim: 6144 },
  large: { dim: 2048, depth: 36, heads: 32, mlpDim: 8192 },
} as const satisfies Record<SizeName, StackConfig>;

/** What the published VQGANs share. */
const VQGAN = {
  imageSize: 256,
  channels: 3,
  width: 128,
  blocksPerLevel: 2,
  latentDim: 256,
  groups: 32,
} as const;

/** Published VQGANs by the side of the square of pixels that becomes one code; f8 has ViT-VQGAN's grid. */
export const CNN_LAYOUTS = {
  f8: { ...VQGAN, widthMultipliers: [1, 1, 2, 4], attentionSides: [32] },
  f16: { ...VQGAN, widthMultipliers: [1, 1, 2, 2, 4], attentionSides: [16] },
} as const satisfies Record<string, Omit<CnnVqganConfig, keyof QuantizerConfig | "logitLaplace">>;
