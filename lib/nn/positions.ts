/**
 * Fixed 2-D sine-cosine positions: with q = dim/4 and `w_j = 10000^(-j/q)`, the token at column x and row y gets
 * `[sin(x w), cos(x w), sin(y w), cos(y w)]`.
 * Source: the public ports of ViT-VQGAN; the paper does not say which positions stage 1 uses.
 * @returns [rows * columns, dim] in raster order
 * @throws RangeError when dim is not a multiple of 4
 */
export function sinCosPositions(rows: number, columns: number, dim: number): Float32Array {
  if (dim % 4 !== 0) throw new RangeError(`sin-cos positions need a width divisible by 4, got ${dim}`);
  const quarter = dim / 4;
  const table = new Float32Array(rows * columns * dim);
  for (let y = 0; y < rows; y++)
    for (let x = 0; x < columns; x++)
      for (let j = 0; j < quarter; j++) {
        const frequency = 10000 ** (-j / quarter);
        const at = (y * columns + x) * dim + j;
        table[at] = Math.sin(x * frequency);
        table[at + quarter] = Math.cos(x * frequency);
        table[at + 2 * quarter] = Math.sin(y * frequency);
        table[at + 3 * quarter] = Math.cos(y * frequency);
      }
  return table;
}
