/**
 * Keeps the codebook in use: codes that no latent has chosen for a while are moved onto latents of the current batch.
 *
 * The paper gets by without (500,000 steps at batch 256); short runs do not: early latents lie close together, a few codes
 * win them all, and codes without a gradient never catch up. Source of the idea: Dhariwal et al. 2020 (Jukebox),
 * arXiv:2005.00341, section 3.1.
 */
import type { HostTensor, NamedHostTensors } from "../engine/types.js";
import { CODEBOOK, type QuantizerConfig } from "../models/quantizer.js";
import { rngFrom, streamSeed } from "../random.js";
import type { Rows } from "./networks.js";

export type RevivalOptions = {
  /** First step whose decoder gets codewords; at that moment every code starts on a latent. 0: from the beginning. */
  readonly quantizeFrom: number;
  /** Steps a code may go unused before it is moved; 0 moves none. */
  readonly every: number;
};

export class CodebookRevival {
  /** Step at which each code was last chosen, or moved. */
  private readonly lastUsed: Int32Array;

  constructor(
    private readonly options: RevivalOptions,
    private readonly quantizer: Pick<QuantizerConfig, "codebookSize" | "codeDim" | "l2Norm">,
    private readonly seed: number,
  ) {
    this.lastUsed = new Int32Array(quantizer.codebookSize).fill(-1);
  }

  /** Notes the codes of a step. */
  observe(codes: ArrayLike<number>, step: number): void {
    for (let i = 0; i < codes.length; i++) this.lastUsed[codes[i]!] = step;
  }

  /** Whether it is time to move unused codes, after the update of `step`. */
  isDue(step: number): boolean {
    const { quantizeFrom, every } = this.options;
    return this.isStarting(step) || (every > 0 && step >= quantizeFrom && (step + 1) % every === 0);
  }

  /**
   * Moves unused codes if it is time, after the update of `step`.
   * @param latents as they are compared, [B, N, Dc]
   * @returns how many were moved
   */
  revive(rows: Rows, latents: HostTensor, step: number): number {
    if (!this.isDue(step)) return 0;
    const { every } = this.options;
    const starting = this.isStarting(step);
    const { codeDim: dim, codebookSize: size, l2Norm } = this.quantizer;
    const rng = rngFrom(streamSeed(this.seed, "revival", step));
    const count = latents.data.length / dim;
    let moved = 0;
    for (let code = 0; code < size; code++) {
      if (!starting && this.lastUsed[code]! > step - every) continue;
      const row = rng.integer(count);
      const latent = latents.data.subarray(row * dim, (row + 1) * dim) as Float32Array;
      rows.replaceRow(CODEBOOK, code, l2Norm ? scaledToInit(latent) : latent);
      this.lastUsed[code] = step;
      moved++;
    }
    return moved;
  }

  /** At the last step before quantizing, or at the first one after it when that was skipped: no code was moved then. */
  private isStarting(step: number): boolean {
    const last = this.options.quantizeFrom - 1;
    return step === last || (step > last && this.lastUsed.some((used) => used < last));
  }

  state(): NamedHostTensors {
    return { lastUsed: { dtype: "int32", shape: [this.lastUsed.length], data: this.lastUsed } };
  }

  restore(state: NamedHostTensors): void {
    const saved = state["lastUsed"];
    if (saved) this.lastUsed.set(saved.data);
  }
}

/**
 * A vector of the length that normal codes have at the start, sqrt(Dc): Adam's steps turn it neither faster nor slower. Where
 * codes are compared at unit length their own is free; where they are compared as they are, only the latent itself is near it.
 */
function scaledToInit(latent: Float32Array): Float32Array {
  const norm = Math.hypot(...latent) || 1;
  return latent.map((value) => (value / norm) * Math.sqrt(latent.length));
}
