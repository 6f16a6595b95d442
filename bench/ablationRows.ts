/** What `make ablation` changes in each row, what the paper reached there, and which way its figures go. */

export const figureKeys = [
  ...(["mae", "mse", "logitLaplace", "ssim", "usage", "perplexity", "imagesPerSecond", "seconds"] as const),
];

/** Errors of held-out images, codebook usage (0..1) and perplexity, images/s of training, seconds of training. */
export type Figures = Readonly<Record<(typeof figureKeys)[number], number>>;

export type Row = {
  /** As in `bench/ablation.mk`. */
  readonly name: string;
  readonly change: string;
  /** Table 4 of arXiv:2110.04627: L1 (1e-2), L2 (1e-3), logit-laplace, usage in percent, images/s. */
  readonly paper?: readonly [l1: number, l2: number, logitLaplace: number, usage: number, imagesPerSecond: number];
};

export const ROWS: readonly Row[] = [
  { name: "base", change: "base: ViT Base-Base, StyleGAN, width 32, l2", paper: [3.06, 3.09, -2.54, 96, 960] },
  { name: "small", change: "Small-Small", paper: [3.22, 3.34, -2.44, 95, 1520] },
  { name: "small-large", change: "Small-Large", paper: [2.93, 2.88, -2.58, 95, 384] },
  { name: "cnn", change: "CNN-VQGAN", paper: [3.45, 3.81, -2.36, 63, 946] },
  { name: "patch", change: "PatchGAN", paper: [2.82, 2.58, -2.62, 89, 1227] },
  { name: "patch-adaptive", change: "PatchGAN as VQGAN has it: adaptive weight, no R1" },
  { name: "dim-256", change: "code width 256", paper: [3.6, 4.28, -2.38, 4, 954] },
  { name: "dim-128", change: "code width 128", paper: [3.41, 3.93, -2.44, 14, 960] },
  { name: "dim-64", change: "code width 64", paper: [3.18, 3.37, -2.49, 37, 960] },
  { name: "dim-16", change: "code width 16", paper: [3.0, 2.96, -2.54, 95, 960] },
  { name: "dim-8", change: "code width 8", paper: [2.98, 2.92, -2.55, 96, 960] },
  { name: "dim-4", change: "code width 4", paper: [3.55, 4.18, -2.37, 96, 960] },
  { name: "no-l2", change: "no l2 normalisation", paper: [4.13, 5.41, -2.2, 2, 960] },
  { name: "plain", change: "codewords from the first step, random start" },
  { name: "plain-dim-8", change: "the same, code width 8" },
  { name: "plain-no-l2", change: "the same, no l2 normalisation" },
  { name: "restarts", change: "unused codes restarted every 20 steps" },
];

/** A claim of the paper that a figure rises, or falls, from one row to another. */
export type Direction = {
  readonly claim: string;
  readonly figure: "mse" | "usage" | "imagesPerSecond";
  readonly from: string;
  readonly to: string;
  readonly rises: boolean;
};

export const DIRECTIONS: readonly Direction[] = [
  { claim: "l2 normalisation lifts usage", figure: "usage", from: "no-l2", to: "base", rises: true },
  { claim: "l2 normalisation lowers the error", figure: "mse", from: "no-l2", to: "base", rises: false },
  { claim: "the same, from a random start", figure: "usage", from: "plain-no-l2", to: "plain", rises: true },
  { claim: "narrower codes lift usage, 256 to 32", figure: "usage", from: "dim-256", to: "base", rises: true },
  { claim: "narrower codes lower the error, 256 to 32", figure: "mse", from: "dim-256", to: "base", rises: false },
  { claim: "32 to 8 lowers it a little more", figure: "mse", from: "base", to: "dim-8", rises: false },
  { claim: "4 is too narrow", figure: "mse", from: "dim-8", to: "dim-4", rises: true },
  { claim: "a larger encoder and decoder lower the error", figure: "mse", from: "small", to: "base", rises: false },
  { claim: "a larger decoder alone does so", figure: "mse", from: "small", to: "small-large", rises: false },
  { claim: "ViT has the lower error beside CNN", figure: "mse", from: "cnn", to: "base", rises: false },
  { claim: "ViT uses more codes than CNN", figure: "usage", from: "cnn", to: "base", rises: true },
  { claim: "ViT trains faster than CNN", figure: "imagesPerSecond", from: "cnn", to: "base", rises: true },
  { claim: "PatchGAN has the lower pixel error", figure: "mse", from: "base", to: "patch", rises: false },
  { claim: "the same, with VQGAN's adaptive weight", figure: "mse", from: "base", to: "patch-adaptive", rises: false },
  { claim: "PatchGAN uses fewer codes", figure: "usage", from: "base", to: "patch", rises: false },
  { claim: "PatchGAN trains faster", figure: "imagesPerSecond", from: "base", to: "patch", rises: true },
];
