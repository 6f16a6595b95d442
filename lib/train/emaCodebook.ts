/**
 * The codebook as moving averages of the latents that choose each code, in place of a codebook loss. With n_i latents z
 * of a step at code i:
 *
 *     N_i = g N_i + (1 - g) n_i,   m_i = g m_i + (1 - g) sum z,   e_i = m_i / N_i
 *
 * Source: van den Oord et al. 2017, arXiv:1711.00937, appendix A.1. N_i is smoothed as in their code (Sonnet):
 * `(N_i + eps) / (N + K eps) N`, N the sum of all. Codes that die are moved as in Jukebox (Dhariwal et al. 2020,
 * arXiv:2005.00341, section 3.1).
 *
 * It runs outside of the step, on what the step returns. A quantizer that normalises averages normalised latents, for
 * it compares those: codewords then lie inside the unit sphere and are normalised at use (spherical k-means).
 */
import type { HostTensor, NamedHostTensors } from "../engine/types.js";
import { FileError } from "../errors.js";
import { CODEBOOK } from "../models/quantizer.js";
import { rngFrom, streamSeed } from "../random.js";
import type { Rows } from "./networks.js";

export type EmaCodebookOptions = {
  /** g, in 0..1: what stays of the averages at an update. */
  readonly decay: number;
  /** eps, above 0: keeps the size of a code that nothing chooses off zero. */
  readonly epsilon: number;
  /**
   * Size N_i, in latents a step, below which a code is moved onto a latent of the batch, again at every step until
   * enough latents choose it; 0 moves none. Well below the mean size, latents a step over K, or living codes move too.
   */
  readonly restartBelow: number;
};

/** As van den Oord et al. have it. */
export const EMA_CODEBOOK: EmaCodebookOptions = { decay: 0.99, epsilon: 1e-5, restartBelow: 0 };

/** Sizes below this count as 0, long before float32 loses precision, and time, on the sums that shrink with them. */
const VANISHED = 1e-25;

export class EmaCodebook {
  /** N_i, [K]. */
  private readonly sizes: Float32Array;
  /** m_i, [K, Dc]. */
  private readonly sums: Float32Array;
  /** n_i and the sum of z of the current step. */
  private readonly batch: { readonly sizes: Int32Array; readonly sums: Float32Array };
  private readonly size: number;
  private readonly dim: number;

  /**
   * Every code starts with size 1, as if one latent a step had chosen it where it lies.
   * @param codebook [K, Dc], at the start; copied
   * @throws RangeError when an option is out of range
   */
  constructor(
    private readonly options: EmaCodebookOptions,
    codebook: HostTensor,
    private readonly seed: number,
  ) {
    expectOptions(options);
    [this.size, this.dim] = codebook.shape as [number, number];
    this.sizes = new Float32Array(this.size).fill(1);
    this.sums = Float32Array.from(codebook.data);
    this.batch = { sizes: new Int32Array(this.size), sums: new Float32Array(this.sums.length) };
  }

  /**
   * Takes the latents of a step into the averages, writes the codebook, and moves codes that have died.
   * The moving average of the weights follows the codebook as it follows every parameter.
   * @param codes [B, N] or [B, N, R]
   * @param compared what chose each code, [B, N, Dc] or [B, N, R, Dc] (`Quantized.compared`)
   * @returns how many were moved
   * @throws RangeError when there is not one vector a code
   */
  update(rows: Rows, codes: HostTensor, compared: HostTensor, step: number): number {
    if (compared.data.length !== codes.data.length * this.dim)
      throw new RangeError(
        `codebook averages: want one vector of width ${this.dim} for each of codes [${codes.shape.join(", ")}], ` +
          `got [${compared.shape.join(", ")}]`,
      );
    this.collect(codes.data, compared.data);
    const total = this.averageSizes();
    this.averageSums(rows.params[CODEBOOK]!.data, total);
    return this.restart(rows, compared.data, step);
  }

  state(): NamedHostTensors {
    return {
      sizes: { dtype: "float32", shape: [this.size], data: this.sizes },
      sums: { dtype: "float32", shape: [this.size, this.dim], data: this.sums },
    };
  }

  /** @throws FileError when the state is missing or of another codebook */
  restore(state: NamedHostTensors): void {
    for (const [name, { data, shape }] of Object.entries(this.state())) {
      const saved = state[name];
      if (saved?.data.length !== data.length)
        throw new FileError(
          `checkpoint: want ${name} of the codebook averages of shape [${shape.join(", ")}], got ` +
            `${saved ? `[${saved.shape.join(", ")}]` : "nothing"}; it belongs to another model`,
        );
      data.set(saved.data);
    }
  }

  private collect(codes: ArrayLike<number>, latents: ArrayLike<number>): void {
    const { dim } = this;
    const { sizes, sums } = this.batch;
    sizes.fill(0);
    sums.fill(0);
    for (let row = 0; row < codes.length; row++) {
      const code = codes[row]!;
      const [from, to] = [row * dim, code * dim];
      sizes[code]!++;
      for (let j = 0; j < dim; j++) sums[to + j]! += latents[from + j]!;
    }
  }

  /** @returns the sum of all sizes */
  private averageSizes(): number {
    const { decay } = this.options;
    let total = 0;
    for (let i = 0; i < this.size; i++) {
      const size = decay * this.sizes[i]! + (1 - decay) * this.batch.sizes[i]!;
      this.sizes[i] = size < VANISHED ? 0 : size;
      total += this.sizes[i]!;
    }
    return total;
  }

  private averageSums(codebook: Float32Array | Int32Array, total: number): void {
    const { sums, dim } = this;
    const { decay, epsilon } = this.options;
    const smoothing = (total + this.size * epsilon) / total;
    for (let i = 0; i < this.size; i++) {
      const size = this.sizes[i]!;
      const kept = size === 0 ? 0 : decay;
      const factor = smoothing / (size + epsilon);
      for (let at = i * dim; at < (i + 1) * dim; at++) {
        const sum = kept * sums[at]! + (1 - decay) * this.batch.sums[at]!;
        sums[at] = sum;
        codebook[at] = sum * factor;
      }
    }
  }

  private restart(into: Rows, latents: ArrayLike<number> & HostTensor["data"], step: number): number {
    const { restartBelow } = this.options;
    const { dim } = this;
    const rng = rngFrom(streamSeed(this.seed, "restart", step));
    const rows = latents.length / dim;
    let moved = 0;
    for (let code = 0; code < this.size; code++) {
      if (this.sizes[code]! >= restartBelow) continue;
      const row = rng.integer(rows);
      const latent = latents.subarray(row * dim, (row + 1) * dim) as Float32Array;
      into.replaceRow(CODEBOOK, code, latent);
      this.sizes[code] = restartBelow;
      this.sums.set(
        latent.map((value) => restartBelow * value),
        code * dim,
      );
      moved++;
    }
    return moved;
  }
}

function expectOptions({ decay, epsilon, restartBelow }: EmaCodebookOptions): void {
  const wrong =
    (!(decay >= 0 && decay < 1) && `decay in [0, 1), got ${decay}`) ||
    (!(epsilon > 0) && `epsilon above 0, got ${epsilon}`) ||
    (!(restartBelow >= 0) && `restartBelow of at least 0, got ${restartBelow}`);
  if (wrong) throw new RangeError(`codebook averages: want ${wrong}`);
}
