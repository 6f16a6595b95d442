/** The systems of stage 1 that have a name. */
import { CNN_LAYOUTS } from "../../lib/models/sizes.js";

/** VQGAN (arXiv:2012.09841): raw codes of width 256 on a 16 x 16 grid, absolute and perceptual error, PatchGAN, hinge. */
const vqgan = {
  architecture: "cnn",
  cnnMultipliers: CNN_LAYOUTS.f16.widthMultipliers,
  codeDim: 256,
  l2Norm: false,
  straightThrough: "raw",
  codebookInit: "uniform",
  quantizeFrom: 0,
  restartEvery: 0,
  l1Weight: 1,
  l2Weight: 0,
  logitLaplaceWeight: 0,
  perceptualWeight: 1,
  discriminator: "patch",
  adversarialForm: "hinge",
  adversarialAdaptive: true,
  adversarialWeight: 0.8,
  r1Gamma: 0,
} as const;

/** `tiny` is for small images on a laptop; the others are systems of ViT-VQGAN's tables 1, 3, 4, 7 and 8. */
export const tokenizerPresets = {
  tiny: {
    imageSize: 32,
    patchSize: 4,
    encoder: "tiny",
    decoder: "tiny",
    codebookSize: 512,
    codeDim: 8,
    batchSize: 64,
    lr: 2e-3,
    lrFinal: 1e-4,
    warmup: 100,
    discriminatorScale: 0.125,
  },
  small: { encoder: "small", decoder: "small" },
  // Table 8.
  "small-16x16": { encoder: "small", decoder: "small", patchSize: 16 },
  base: { encoder: "base", decoder: "base" },
  "small-large": { encoder: "small", decoder: "large" },
  large: { encoder: "large", decoder: "large" },
  // Table 7: nothing learned from labels, as VGG is.
  representation: { encoder: "small", decoder: "small", perceptualWeight: 0 },
  // Table 1: 32 x 32 codes, the same losses and quantizer.
  cnn: { architecture: "cnn" },
  "cnn-x2": { architecture: "cnn", cnnWidth: 256 },
  // Table 3.
  "vqgan-1024": { ...vqgan, codebookSize: 1024 },
  "vqgan-16384": { ...vqgan, codebookSize: 16384 },
  // van den Oord et al. 2017: squared error alone, a codebook of moving averages.
  "vq-vae": {
    architecture: "cnn",
    codebookSize: 512,
    codeDim: 64,
    l2Norm: false,
    straightThrough: "raw",
    codebookUpdate: "ema",
    codebookRestart: 0.05,
    logitLaplaceWeight: 0,
    adversarialWeight: 0,
    perceptualWeight: 0,
  },
} as const;
