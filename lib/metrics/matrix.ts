/** Matrices in double whose rows lie one after the other. */
export type Matrix = { readonly values: Float64Array; readonly rows: number; readonly columns: number };

/** Row `i`, shared with the matrix. */
export function rowOf({ values, columns }: Matrix, i: number): Float64Array {
  return values.subarray(i * columns, (i + 1) * columns);
}

export function transposed({ values, rows, columns }: Matrix): Matrix {
  const moved = new Float64Array(values.length);
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) moved[j * rows + i] = values[i * columns + j]!;
  return { values: moved, rows: columns, columns: rows };
}

/** `A B^T`, [A.rows, B.rows], for matrices with the same number of columns. */
export function productOfRows(A: Matrix, B: Matrix): Matrix {
  const values = new Float64Array(A.rows * B.rows);
  const sums = new Float64Array(4);
  for (let i = 0; i < A.rows; i += 4) {
    const four = [0, 1, 2, 3].map((k) => rowOf(A, Math.min(i + k, A.rows - 1))) as FourRows;
    const count = Math.min(4, A.rows - i);
    for (let j = 0; j < B.rows; j++) {
      fourDots(sums, four, rowOf(B, j));
      for (let k = 0; k < count; k++) values[(i + k) * B.rows + j] = sums[k]!;
    }
  }
  return { values, rows: A.rows, columns: B.rows };
}

/** `target[j] += sum_i factors[i] A[first + i, j]` for `j >= from`; four rows at a time, for fewer passes over target. */
export function addRows(
  target: Float64Array,
  A: Matrix,
  { factors, first = 0, from = 0 }: { readonly factors: Float64Array; readonly first?: number; readonly from?: number },
): void {
  let i = 0;
  for (; i + 4 <= factors.length; i += 4)
    addFour(target, A.values.subarray((first + i) * A.columns, (first + i + 4) * A.columns), {
      factors: factors.subarray(i, i + 4),
      from,
    });
  for (; i < factors.length; i++) {
    const row = rowOf(A, first + i);
    const factor = factors[i]!;
    for (let j = from; j < target.length; j++) target[j]! += factor * row[j]!;
  }
}

type FourRows = [Float64Array, Float64Array, Float64Array, Float64Array];

function fourDots(sums: Float64Array, [a, b, c, d]: FourRows, x: Float64Array): void {
  let [sumA, sumB, sumC, sumD] = [0, 0, 0, 0];
  for (let k = 0; k < x.length; k++) {
    const value = x[k]!;
    sumA += a[k]! * value;
    sumB += b[k]! * value;
    sumC += c[k]! * value;
    sumD += d[k]! * value;
  }
  sums[0] = sumA;
  sums[1] = sumB;
  sums[2] = sumC;
  sums[3] = sumD;
}

function addFour(
  target: Float64Array,
  rows: Float64Array,
  { factors, from }: { factors: Float64Array; from: number },
): void {
  const width = target.length;
  const [second, third] = [2 * width, 3 * width];
  const a = factors[0]!;
  const b = factors[1]!;
  const c = factors[2]!;
  const d = factors[3]!;
  for (let j = from; j < width; j++)
    target[j]! += a * rows[j]! + b * rows[width + j]! + c * rows[second + j]! + d * rows[third + j]!;
}
