/** What shapes say without a tensor: sizes, NumPy broadcasting, matrix products, axes in another order. */

/** Whether two shapes are equal. */
export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}

/** Number of elements. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** The whole numbers from 0 up to `count`, that excluded: the places along an axis. */
export const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

/** NumPy broadcasting of two shapes. */
export function broadcastShapes(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, i) => {
    const left = a[a.length - rank + i] ?? 1;
    const right = b[b.length - rank + i] ?? 1;
    return left === 1 ? right : left;
  });
}

/** Which operands of a matrix product are stored with their last two axes in the other order; none if absent. */
export type ProductLayout = { readonly transposeA?: boolean; readonly transposeB?: boolean };

/** Shape of a matrix product over the last two axes, leading axes broadcast. */
export function productShape(
  a: readonly number[],
  b: readonly number[],
  { transposeA = false, transposeB = false }: ProductLayout = {},
): number[] {
  const batch = broadcastShapes(a.slice(0, -2), b.slice(0, -2));
  return [...batch, a.at(transposeA ? -1 : -2)!, b.at(transposeB ? -2 : -1)!];
}

/** A list in which two entries have changed places, both counted from its end: -1 is the last. */
export function exchanged<T>(list: readonly T[], one: number, other: number): T[] {
  return list.with(one, list.at(other)!).with(other, list.at(one)!);
}
