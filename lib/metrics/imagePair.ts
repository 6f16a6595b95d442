import { sizeOf } from "../shapes.js";

/** Images and what a model made of them, both [B, H, W, C] in row-major order, in [0, 1] (clamp before measuring). */
export type ImagePair = {
  readonly originals: Float32Array;
  readonly reconstructions: Float32Array;
  readonly shape: readonly [B: number, H: number, W: number, C: number];
};

/** @throws RangeError, starting with `what`, when either side does not hold B*H*W*C values */
export function expectImagePair(what: string, { originals, reconstructions, shape }: ImagePair): void {
  const wanted = sizeOf(shape);
  for (const [name, { length }] of [
    ["originals", originals],
    ["reconstructions", reconstructions],
  ] as const)
    if (length !== wanted)
      throw new RangeError(`${what}: ${name} want ${wanted} values for [${shape.join(", ")}], got ${length}`);
}
