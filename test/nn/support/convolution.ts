/** Convolutions as plain loops over doubles. */
import type { Numbers } from "./loops.js";

export type Images = {
  readonly shape: readonly [B: number, H: number, W: number, C: number];
  readonly values: Numbers;
};

/** An element, zero outside of the image. */
export function pixel({ shape: [, H, W, C], values }: Images, [b, y, x, c]: readonly number[]): number {
  const inside = y! >= 0 && y! < H && x! >= 0 && x! < W;
  return inside ? values[((b! * H + y!) * W + x!) * C + c!]! : 0;
}

export type Correlation = {
  /** [kh, kw, from, to]. */
  readonly kernel: { readonly shape: readonly [number, number, number, number]; readonly values: Numbers };
  readonly stride: number;
  /** Rows and columns of zeros before the image. */
  readonly before: number;
  /** Rows and columns of the result. */
  readonly out: readonly [number, number];
};

/** `y[b, i, j, o] = sum x[b, s i + a - p, s j + c - p, n] kernel[a, c, n, o]`. */
export function convByLoops(images: Images, { kernel, stride, before, out }: Correlation): number[] {
  const [kh, kw, from, to] = kernel.shape;
  const result: number[] = [];
  for (let b = 0; b < images.shape[0]; b++)
    for (let i = 0; i < out[0]; i++)
      for (let j = 0; j < out[1]; j++)
        for (let o = 0; o < to; o++) {
          let sum = 0;
          for (let a = 0; a < kh; a++)
            for (let c = 0; c < kw; c++)
              for (let n = 0; n < from; n++)
                sum +=
                  pixel(images, [b, stride * i + a - before, stride * j + c - before, n]) *
                  kernel.values[((a * kw + c) * from + n) * to + o]!;
          result.push(sum);
        }
  return result;
}
