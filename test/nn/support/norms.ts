/** Normalisations of images as plain loops over doubles. */
import type { Numbers } from "./loops.js";

export type Norm = {
  readonly shape: readonly [B: number, H: number, W: number, C: number];
  /** Elements of which image and channel are normalised together: those for which this is the same. */
  readonly together: (image: number, channel: number) => string;
  readonly epsilon: number;
};

/** `gain (x - mean) / sqrt(var + epsilon) + bias` over each set of elements that belong together. */
export function normByLoops(x: Numbers, gain: Numbers, bias: Numbers, { shape, together, epsilon }: Norm): number[] {
  const [, H, W, C] = shape;
  const setOf = (i: number) => together(Math.floor(i / (H * W * C)), i % C);
  const members = new Map<string, number[]>();
  for (const [i, value] of x.entries()) members.set(setOf(i), [...(members.get(setOf(i)) ?? []), value]);
  const statistics = new Map(
    [...members].map(([key, values]) => {
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
      return [key, { mean, root: Math.sqrt(variance + epsilon) }];
    }),
  );
  return x.map((value, i) => {
    const { mean, root } = statistics.get(setOf(i))!;
    return (gain[i % C]! * (value - mean)) / root + bias[i % C]!;
  });
}

/** Group norm of `groups` groups, of each image by itself. */
export const inGroups = (shape: Norm["shape"], groups: number): Norm => ({
  shape,
  together: (image, channel) => `${image} ${Math.floor((channel * groups) / shape[3])}`,
  epsilon: 1e-6,
});

/** Batch norm: each channel over the whole batch. */
export const overBatch = (shape: Norm["shape"]): Norm => ({
  shape,
  together: (_, channel) => String(channel),
  epsilon: 1e-5,
});
