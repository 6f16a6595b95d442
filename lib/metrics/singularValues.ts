import { addRows, type Matrix, rowOf, transposed } from "./matrix.js";

/**
 * All singular values of a matrix, largest first, each to about `eps` times the largest: Householder reflections from
 * both sides make it bidiagonal; the singular values of that are the eigenvalues `>= 0` of a tridiagonal matrix with
 * zeros on its diagonal and the two diagonals in turn beside it.
 * Source: Golub and Kahan 1965, "Calculating the singular values and pseudo-inverse of a matrix".
 * @returns [min(rows, columns)]
 * @throws RangeError when an element is not finite
 */
export function singularValues(A: Matrix): Float64Array {
  const tall = A.rows >= A.columns ? { ...A, values: A.values.slice() } : transposed(A);
  const beside = bidiagonalized(tall);
  const eigenvalues = tridiagonalEigenvalues(new Float64Array(beside.length + 1), beside).sort();
  return eigenvalues.reverse().slice(0, tall.columns);
}

/**
 * The bidiagonal form of A [m, n], m >= n, which is overwritten: its diagonal and superdiagonal in turn, `d0 e0 d1 e1 ..`,
 * [2n - 1].
 */
function bidiagonalized(A: Matrix): Float64Array {
  const { rows: m, columns: n, values } = A;
  const beside = new Float64Array(Math.max(0, 2 * n - 1));
  for (let k = 0; k < n; k++) {
    const v = Float64Array.from({ length: m - k }, (_, i) => values[(k + i) * n + k]!);
    const left = reflector(v);
    beside[2 * k] = left.length;
    if (k + 1 === n) break;
    const w = new Float64Array(n);
    addRows(w, A, { factors: v, first: k, from: k + 1 });
    for (let j = k + 1; j < n; j++) w[j]! *= left.tau;
    const top = rowOf(A, k);
    for (let j = k + 1; j < n; j++) top[j]! -= w[j]!;
    const u = top.slice();
    const right = reflector(u.subarray(k + 1));
    beside[2 * k + 1] = right.length;
    for (let i = 1; i < v.length; i++) reflectRow(rowOf(A, k + i), { v: v[i]!, w, u, tau: right.tau, from: k + 1 });
  }
  return beside;
}

type Reflections = { v: number; w: Float64Array; u: Float64Array; tau: number; from: number };

/** `row <- (row - v w)(I - tau u u^T)`, columns `from` on. */
function reflectRow(row: Float64Array, { v, w, u, tau, from }: Reflections): void {
  let sum = 0;
  for (let j = from; j < row.length; j++) {
    const value = row[j]! - v * w[j]!;
    row[j] = value;
    sum += value * u[j]!;
  }
  sum *= tau;
  for (let j = from; j < row.length; j++) row[j]! -= sum * u[j]!;
}

/** Replaces x by v, `v0 = 1`, such that `(I - tau v v^T) x = (length, 0, 0, ..)`; `|length| = |x|`. */
function reflector(x: Float64Array): { tau: number; length: number } {
  const scale = x.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
  if (scale === 0) return { tau: 0, length: 0 };
  const norm = scale * Math.sqrt(x.reduce((sum, value) => sum + (value / scale) ** 2, 0));
  const head = x[0]!;
  const length = head > 0 ? -norm : norm;
  for (let i = 1; i < x.length; i++) x[i]! /= head - length;
  x[0] = 1;
  return { tau: (length - head) / length, length };
}

const MOST_SWEEPS = 60; // for one eigenvalue; two are usual

/**
 * Eigenvalues of a symmetric tridiagonal matrix by QL iterations with implicit shifts; in no order. Elements beside the
 * diagonal count as zero below `eps` times the largest element, so errors are relative to the matrix, not to each value.
 * Source: Martin and Wilkinson 1968, "The implicit QL algorithm", Numerische Mathematik 12.
 * @param diagonal [n], overwritten
 * @param beside [n - 1], overwritten
 */
function tridiagonalEigenvalues(diagonal: Float64Array, beside: Float64Array): Float64Array {
  const n = diagonal.length;
  const largest = [diagonal, beside].reduce((a, part) => part.reduce((b, x) => Math.max(b, Math.abs(x)), a), 0);
  if (!Number.isFinite(largest)) throw new RangeError("singularValues: want a matrix of finite numbers");
  const negligible = Number.EPSILON * largest;
  for (let start = 0; start < n; start++)
    for (let sweep = 0; ; sweep++) {
      let end = start;
      while (end < n - 1 && Math.abs(beside[end]!) > negligible) end++;
      if (end === start) break;
      if (sweep === MOST_SWEEPS) throw new Error(`singularValues: no convergence after ${sweep} sweeps`);
      sweepBack(diagonal, beside, { start, end });
    }
  return diagonal;
}

/** One implicit QL sweep over the block `start .. end`, shifted by the eigenvalue of its first two rows. */
function sweepBack(d: Float64Array, e: Float64Array, { start, end }: { start: number; end: number }): void {
  const slope = (d[start + 1]! - d[start]!) / (2 * e[start]!);
  const root = Math.hypot(slope, 1);
  let g = d[end]! - d[start]! + e[start]! / (slope + (slope < 0 ? -root : root));
  let [sine, cosine, p] = [1, 1, 0];
  for (let i = end - 1; i >= start; i--) {
    const f = sine * e[i]!;
    const b = cosine * e[i]!;
    const r = Math.hypot(f, g);
    if (i + 1 < end) e[i + 1] = r;
    if (r === 0) {
      // The block falls apart here.
      d[i + 1]! -= p;
      e[i + 1] = 0;
      return;
    }
    sine = f / r;
    cosine = g / r;
    const h = d[i + 1]! - p;
    const t = (d[i]! - h) * sine + 2 * cosine * b;
    p = sine * t;
    d[i + 1] = h + p;
    g = cosine * t - b;
  }
  d[start]! -= p;
  e[start] = g;
  if (end < e.length) e[end] = 0;
}
