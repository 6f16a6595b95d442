/**
 * The factorized, l2-normalised vector quantizer: latents and codewords are compared on the unit sphere of a narrow
 * space. Source: ViT-VQGAN, arXiv:2110.04627, section 3.2.
 *
 * Without normalisation it is the quantizer of VQ-VAE and VQGAN; with several codes a token it is a residual quantizer
 * (RQ-VAE, Lee et al. 2022, arXiv:2203.01941, section 3.1).
 */
import * as tf from "@tensorflow/tfjs";
import { fullPrecision } from "../engine/traceBackend.js";
import { meanVqLoss, type VqLoss, vqLoss } from "../losses/vq.js";
import { expectShape } from "../nn/expectShape.js";
import { l2Normalize } from "../nn/l2Normalize.js";
import type { Init, ParamSpec, ParamsOf } from "../nn/params.js";
import { stopGradient, withoutGradient } from "../nn/stopGradient.js";

/** Path of the codebook among the parameters of every tokenizer. */
export const CODEBOOK = "quantizer/codebook";

export type QuantizerConfig = {
  /** Number K of codewords. */
  readonly codebookSize: number;
  /** Width Dc of latents and codewords. */
  readonly codeDim: number;
  /** Whether latents and codewords are compared, and passed on, at unit length. */
  readonly l2Norm: boolean;
  /** Weight beta of the commitment loss. */
  readonly commitment: number;
  /**
   * Where the straight-through step is added: to the normalised latents, so that the decoder's gradient also turns
   * through the normalisation, or to the raw ones as the public ports do. With raw, nothing holds the norm of the
   * latents: it grows, and their direction, which is all that counts, learns ever more slowly.
   */
  readonly straightThrough: "normalized" | "raw";
  /** Whether the VQ losses average over the code width or sum over it. */
  readonly vqReduction: "mean" | "sum";
  /**
   * Number R of codes a token gets, 1 if absent: each quantizes what those before it leave over of the latents, with
   * the same codebook, and the decoder receives the sum of their codewords. With more than one that sum stands for the
   * latents as they come, so that the straight-through step is added to the raw ones.
   */
  readonly codeDepth?: number;
  /**
   * Which side of the residuals `z - (e_1 + ... + e_r)` the VQ losses pull: the latents, towards every partial sum of
   * codewords (RQ-VAE; if absent), or the codewords summed before, as in the port, where no loss then keeps the latents
   * at their codewords.
   */
  readonly residualGradient?: "latents" | "codewords";
  /**
   * What moves the codebook: the codebook loss (if absent), or `EmaCodebook` outside of the step; then there is no such
   * loss, and no gradient.
   */
  readonly codebookUpdate?: "gradient" | "ema";
  /** Standard normal (if absent), or uniform in +-1/K as VQGAN starts its raw codes: within reach of small latents. */
  readonly codebookInit?: "normal" | "uniform";
};

const DEFAULTS = {
  codeDepth: 1,
  residualGradient: "latents",
  codebookUpdate: "gradient",
  codebookInit: "normal",
} as const satisfies Partial<QuantizerConfig>;

const withDefaults = (config: QuantizerConfig) => ({ ...DEFAULTS, ...config });

/** The codebook [K, Dc], normalised at use where latents are. */
export function quantizerSpec(config: QuantizerConfig) {
  const { codebookSize, codeDim } = config;
  return {
    codebook: { shape: [codebookSize, codeDim], init: codebookInit(config), decay: false },
  } satisfies Record<string, ParamSpec>;
}

function codebookInit(config: QuantizerConfig): Init {
  const { codebookInit: kind, codebookUpdate, codebookSize, codeDim, l2Norm } = withDefaults(config);
  if (kind === "uniform") return { kind, bound: 1 / codebookSize };
  // Averages weigh a codeword by its length: like a latent on the sphere, it begins with about 1.
  return { kind: "normal", std: l2Norm && codebookUpdate === "ema" ? codeDim ** -0.5 : 1 };
}

export type QuantizerParams = ParamsOf<ReturnType<typeof quantizerSpec>>;

export type Quantized = {
  /** int32 in 0..K-1, [B, N]; [B, N, R] with R > 1 codes a token. */
  readonly codes: tf.Tensor;
  /** What the decoder receives, [B, N, Dc]: codewords going forward, the identity to the latents going back. */
  readonly straightThrough: tf.Tensor;
  /** What the codewords stand for, [B, N, Dc]: the latents, normalised if the quantizer is and gives one code a token. */
  readonly latents: tf.Tensor;
  /** What chose each code, as it was compared: [B, N, Dc]; [B, N, R, Dc] with R > 1 codes a token. */
  readonly compared: tf.Tensor;
  /** The mean over the R codes. */
  readonly loss: VqLoss;
};

/**
 * Replaces each latent by its nearest codeword (first of equals), or by the sum of `codeDepth` codewords found one
 * after the other.
 * @param latents [B, N, Dc]
 * @throws RangeError when latents are not [*, *, Dc]
 */
export function quantize(params: QuantizerParams, config: QuantizerConfig, latents: tf.Tensor): Quantized {
  expectShape("quantizer: latents", latents, [null, null, config.codeDim]);
  const z = comparable(config, latents);
  const found = residualCodes(params, config, { latents, z });
  const target = found.length > 1 ? latents : z;
  const carrier = config.straightThrough === "raw" ? latents : target;
  const codewords = found.map((each) => each.codewords).reduce((sum, each) => tf.add(sum, each));
  return {
    codes: joined(found.map((each) => each.codes)),
    straightThrough: tf.add(carrier, stopGradient(tf.sub(codewords, carrier))),
    latents: target,
    compared: joined(found.map((each) => each.compared)),
    loss: meanVqLoss(found.map((each) => each.loss)),
  };
}

/**
 * What the decoder receives, [B, N, Dc], of codes [B, N] or [B, N, R].
 * @throws RangeError when there are R > 1 codes a token and codes are not [*, *, R]
 */
export function lookup(params: QuantizerParams, config: QuantizerConfig, codes: tf.Tensor): tf.Tensor {
  const { codeDepth } = withDefaults(config);
  if (codeDepth > 1) expectShape("quantizer: codes", codes, [null, null, codeDepth]);
  const codewords = tf.gather(comparable(config, params.codebook), codes);
  return codeDepth > 1 ? tf.sum(codewords, -2) : codewords;
}

/** Vectors as they are compared: at unit length if the quantizer normalises. */
function comparable({ l2Norm }: QuantizerConfig, vectors: tf.Tensor): tf.Tensor {
  return l2Norm ? l2Normalize(vectors) : vectors;
}

/** What is known of one of a token's codes: `codes` [B, N], the others as in `Quantized`, of this code alone. */
type Found = Pick<Quantized, "codes" | "compared" | "loss"> & {
  /** [B, N, Dc] */
  readonly codewords: tf.Tensor;
};

/** The codes of each token in the order they are found, the first of `z`, the others of what is left of `latents`. */
function residualCodes(
  params: QuantizerParams,
  config: QuantizerConfig,
  { latents, z }: { readonly latents: tf.Tensor; readonly z: tf.Tensor },
): Found[] {
  const { codeDepth, residualGradient, codebookUpdate } = withDefaults(config);
  const learned = comparable(config, params.codebook);
  const codebook = codebookUpdate === "ema" ? stopGradient(learned) : learned;
  const pass = (x: tf.Tensor) => x;
  const [ofLatents, ofCodewords] = residualGradient === "latents" ? [pass, stopGradient] : [stopGradient, pass];
  let found = nearest(codebook, config, ofLatents(z));
  const all = [found];
  let residual = ofLatents(latents);
  while (all.length < codeDepth) {
    residual = tf.sub(residual, ofCodewords(found.codewords));
    found = nearest(codebook, config, comparable(config, residual));
    all.push(found);
  }
  return all;
}

/** The nearest codeword of each vector of `compared` [B, N, Dc]. */
function nearest(codebook: tf.Tensor, config: QuantizerConfig, compared: tf.Tensor): Found {
  const { commitment, vqReduction: reduction, codebookUpdate } = withDefaults(config);
  const codes = withoutGradient(() => nearestCodes(compared, codebook, config));
  const codewords = tf.gather(codebook, codes); // [B, N, Dc]
  const loss = vqLoss({ latents: compared, codewords, commitment, reduction });
  return { codes, codewords, compared, loss: codebookUpdate === "ema" ? { ...loss, codebook: tf.scalar(0) } : loss };
}

/** One tensor as it is, several along a new axis after [B, N]. */
function joined(tensors: readonly tf.Tensor[]): tf.Tensor {
  return tensors.length === 1 ? tensors[0]! : tf.stack([...tensors], 2);
}

/** Most products held at one time, 64 MiB: those of 32 images of 256 tokens with 8,192 codewords are 268 MB. */
const MOST_PRODUCTS = 2 ** 24;

/**
 * Index of the codeword at the smallest Euclidean distance: `argmin |w|^2 - 2 z.w`, on the sphere `argmax z.w`. Products
 * are float32 on every engine, as codewords may lie close to each other.
 */
function nearestCodes(
  z: tf.Tensor,
  codebook: tf.Tensor,
  { l2Norm, codeDim, codebookSize }: QuantizerConfig,
): tf.Tensor {
  const [B, N] = z.shape as [number, number];
  const halfSquares = l2Norm ? undefined : tf.mul(0.5, tf.sum(tf.square(codebook), -1));
  const nearestOf = (rows: tf.Tensor) => {
    const products = fullPrecision(() => tf.matMul(rows as tf.Tensor2D, codebook as tf.Tensor2D, false, true)); // [rows, K]
    return tf.argMax(halfSquares ? tf.sub(products, halfSquares) : products, -1) as tf.Tensor1D;
  };
  const chunk = Math.max(1, Math.floor(MOST_PRODUCTS / codebookSize));
  const sizes = Array.from({ length: Math.ceil((B * N) / chunk) }, (_, i) => Math.min(chunk, B * N - i * chunk));
  const chunks = tf.split(tf.reshape(z, [B * N, codeDim]), sizes);
  return tf.reshape(tf.concat(chunks.map(nearestOf)), [B, N]);
}
