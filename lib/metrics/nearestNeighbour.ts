/** Pixels as floats or as bytes. */
export type Pixels = Float32Array | Uint8Array;

/** For each query the closest reference, [Q]: its index (the first of several equally close) and squared L2 distance. */
export type Neighbours = { readonly indices: Int32Array; readonly squaredDistances: Float64Array };

/** References prepared for search; `search` may be called with a few queries at a time to keep a program responsive. */
export type NeighbourIndex = {
  /** @throws RangeError when the queries are not [Q, dim] or not of the references' element type */
  search(queries: Pixels): Neighbours;
};

/** Both [*, dim] in row-major order and on one scale. */
export type NeighbourOptions = { readonly queries: Pixels; readonly references: Pixels; readonly dim: number };

/**
 * Exact nearest neighbours: `argmin_r |q - r|^2` over raw pixels, for each query.
 * @throws RangeError when the sizes do not fit, there are no references, or one side is bytes and the other floats
 */
export function nearestNeighbours({ queries, references, dim }: NeighbourOptions): Neighbours {
  return indexReferences({ references, dim }).search(queries);
}

/**
 * Prepares references, [R, dim], for exact nearest neighbour search.
 *
 * Most references are ruled out without looking at their pixels: in an orthonormal basis of the span of a few
 * references, a vector becomes its coordinates `c` and the length `h` of what the basis misses, and
 * `|c(q) - c(r)|^2 + (h(q) - h(r))^2 <= |q - r|^2`. Pixels are compared only where that bound is below the best so far.
 */
export function indexReferences({ references, dim }: Omit<NeighbourOptions, "queries">): NeighbourIndex {
  const count = rows("references", references, dim);
  if (count === 0) throw new RangeError("nearest neighbours: want at least one reference, got none");
  const basis = orthonormalBasis(references, dim);
  const sketches = sketch("reference", references, dim, basis);
  return {
    search(queries) {
      const Q = rows("queries", queries, dim);
      if (queries.constructor !== references.constructor)
        throw new RangeError(
          `nearest neighbours: queries are a ${queries.constructor.name} and references a ` +
            `${references.constructor.name}; bring both to one scale and type`,
        );
      const asked = sketch("query", queries, dim, basis);
      const found = { indices: new Int32Array(Q), squaredDistances: new Float64Array(Q) };
      for (let q = 0; q < Q; q++) {
        const nearest = searchOne({ pixels: queries, sketches: asked }, q, { pixels: references, sketches }, dim);
        found.indices[q] = nearest.index;
        found.squaredDistances[q] = nearest.squaredDistance;
      }
      return found;
    },
  };
}

/** Basis vectors: enough that few references are left, few enough that the bounds stay cheap. */
const BASIS_SIZE = 32;

/** Rounding of the bound, as a share of |q|^2 + |r|^2: four times what float32 coordinates can be off. */
const ROUNDING = 1e-6;

/** `values`: the lengths outside the basis and the coordinates in it, [rows, 1 + basis vectors]. */
type Sketches = { values: Float32Array; squaredNorms: Float64Array; largestSquaredNorm: number };

type Side = { pixels: Pixels; sketches: Sketches };

function searchOne(queries: Side, q: number, references: Side, dim: number) {
  const count = references.pixels.length / dim;
  const width = references.sketches.values.length / count;
  const slack = ROUNDING * (queries.sketches.squaredNorms[q]! + references.sketches.largestSquaredNorm);
  let best = Number.POSITIVE_INFINITY;
  let index = 0;
  for (let r = 0; r < count; r++) {
    const limit = best + slack;
    if (squaredDistance(queries.sketches.values, q, references.sketches.values, r, width, limit) > limit) continue;
    const distance = squaredDistance(queries.pixels, q, references.pixels, r, dim, best);
    if (distance >= best) continue;
    best = distance;
    index = r;
  }
  return { index, squaredDistance: best };
}

/**
 * Squared distance between row `i` of `a` and row `j` of `b`, or some value above `limit` as soon as it is known to be
 * larger. Positional arguments and four running sums because this is the inner loop.
 */
function squaredDistance(a: Pixels, i: number, b: Pixels, j: number, width: number, limit: number): number {
  const shift = j * width - i * width;
  const end = (i + 1) * width;
  let at = i * width;
  let sum = 0;
  while (at + 16 <= end && sum <= limit) {
    let s0 = 0;
    let s1 = 0;
    let s2 = 0;
    let s3 = 0;
    for (const stop = at + 16; at < stop; at += 4) {
      const d0 = a[at]! - b[at + shift]!;
      const d1 = a[at + 1]! - b[at + 1 + shift]!;
      const d2 = a[at + 2]! - b[at + 2 + shift]!;
      const d3 = a[at + 3]! - b[at + 3 + shift]!;
      s0 += d0 * d0;
      s1 += d1 * d1;
      s2 += d2 * d2;
      s3 += d3 * d3;
    }
    sum += s0 + s1 + (s2 + s3);
  }
  if (sum > limit) return sum;
  for (; at < end; at++) sum += (a[at]! - b[at + shift]!) ** 2;
  return sum;
}

/** Gram-Schmidt over references spread evenly through the set; what adds no direction is dropped. */
function orthonormalBasis(references: Pixels, dim: number): Float64Array[] {
  const count = references.length / dim;
  const basis: Float64Array[] = [];
  for (let i = 0; i < Math.min(BASIS_SIZE, count); i++) {
    const row = Math.floor((i * count) / Math.min(BASIS_SIZE, count));
    const rest = Float64Array.from(references.subarray(row * dim, (row + 1) * dim));
    const before = dot(rest, 0, rest);
    for (const vector of basis) {
      const along = dot(rest, 0, vector);
      for (let k = 0; k < dim; k++) rest[k]! -= along * vector[k]!;
    }
    const after = dot(rest, 0, rest);
    if (after > 1e-8 * before) basis.push(rest.map((value) => value / Math.sqrt(after)));
  }
  return basis;
}

function sketch(what: string, pixels: Pixels, dim: number, basis: Float64Array[]): Sketches {
  const count = pixels.length / dim;
  const width = basis.length + 1;
  const values = new Float32Array(count * width);
  const squaredNorms = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    const squaredNorm = squaredLength(pixels, row * dim, dim);
    if (!Number.isFinite(squaredNorm)) throw new RangeError(`nearest neighbours: ${what} ${row} is not finite`);
    let inside = 0;
    for (let v = 0; v < basis.length; v++) {
      const coordinate = dot(pixels, row * dim, basis[v]!);
      values[row * width + 1 + v] = coordinate;
      inside += coordinate * coordinate;
    }
    values[row * width] = Math.sqrt(Math.max(0, squaredNorm - inside));
    squaredNorms[row] = squaredNorm;
  }
  return { values, squaredNorms, largestSquaredNorm: squaredNorms.reduce((a, b) => Math.max(a, b), 0) };
}

/** `values[at ...] . vector`, with four running sums: one alone waits for each addition. */
function dot(values: Pixels | Float64Array, at: number, vector: Float64Array): number {
  const whole = vector.length - (vector.length % 4);
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let k = 0; k < whole; k += 4) {
    s0 += values[at + k]! * vector[k]!;
    s1 += values[at + k + 1]! * vector[k + 1]!;
    s2 += values[at + k + 2]! * vector[k + 2]!;
    s3 += values[at + k + 3]! * vector[k + 3]!;
  }
  for (let k = whole; k < vector.length; k++) s0 += values[at + k]! * vector[k]!;
  return s0 + s1 + (s2 + s3);
}

function squaredLength(values: Pixels, at: number, dim: number): number {
  let sum = 0;
  for (let k = at; k < at + dim; k++) sum += values[k]! * values[k]!;
  return sum;
}

function rows(what: string, pixels: Pixels, dim: number): number {
  const count = pixels.length / dim;
  if (!Number.isInteger(count))
    throw new RangeError(`nearest neighbours: ${what} want rows of ${dim} values, got ${pixels.length} values`);
  return count;
}
