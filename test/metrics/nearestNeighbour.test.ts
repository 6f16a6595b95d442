import { suite } from "uvu";
import * as assert from "uvu/assert";
import { indexReferences, nearestNeighbours, type Pixels } from "../../lib/metrics/nearestNeighbour.js";
import { rngFrom } from "../../lib/random.js";
import { expectClose } from "../support.js";

const test = suite("metrics/nearestNeighbour");

/** Every distance in full; the first of several smallest wins. */
function slow(queries: Pixels, references: Pixels, dim: number) {
  const distance = (q: number, r: number) => {
    let sum = 0;
    for (let k = 0; k < dim; k++) sum += (queries[q * dim + k]! - references[r * dim + k]!) ** 2;
    return sum;
  };
  const indices: number[] = [];
  const squaredDistances: number[] = [];
  for (let q = 0; q < queries.length / dim; q++) {
    const all = Array.from({ length: references.length / dim }, (_, r) => distance(q, r));
    squaredDistances.push(Math.min(...all));
    indices.push(all.indexOf(squaredDistances[q]!));
  }
  return { indices, squaredDistances };
}

/** Rows near a plane of `rank` dimensions: what images look like to the search. */
function structured(rows: number, dim: number, { rank, seed }: { rank: number; seed: number }): Float32Array {
  const shapes = rngFrom(1);
  const basis = Array.from({ length: rank }, () => Float64Array.from({ length: dim }, shapes.normal));
  const { normal } = rngFrom(seed);
  const out = new Float32Array(rows * dim);
  for (let row = 0; row < rows; row++) {
    for (const vector of basis) {
      const weight = normal();
      for (let k = 0; k < dim; k++) out[row * dim + k]! += weight * vector[k]!;
    }
    for (let k = 0; k < dim; k++) out[row * dim + k]! += 0.1 * normal();
  }
  return out;
}

function expectSame(queries: Pixels, references: Pixels, dim: number): void {
  const got = nearestNeighbours({ queries, references, dim });
  const want = slow(queries, references, dim);
  assert.equal([...got.indices], want.indices);
  expectClose(got.squaredDistances, want.squaredDistances, "squared distances", { relative: 1e-12 });
}

test("finds the closest by hand", () => {
  const references = Float32Array.of(0, 0, 3, 4, 1, 1);
  const { indices, squaredDistances } = nearestNeighbours({
    queries: Float32Array.of(3, 3, 0.25, 0, 1, 1),
    references,
    dim: 2,
  });
  assert.equal([...indices], [1, 0, 2]);
  assert.equal([...squaredDistances], [1, 0.0625, 0]);
});

test("agrees with full search on unstructured floats, where few references can be ruled out", () => {
  const { uniform } = rngFrom(7);
  const draw = (rows: number) => Float32Array.from({ length: rows * 37 }, uniform);
  expectSame(draw(40), draw(300), 37);
});

test("agrees with full search on structured floats, also far from the origin", () => {
  const near = structured(400, 50, { rank: 40, seed: 2 });
  const queries = structured(40, 50, { rank: 40, seed: 3 });
  expectSame(queries, near, 50);
  const shift = (values: Float32Array) => values.map((value) => value + 300);
  expectSame(shift(queries), shift(near), 50);
});

test("agrees with full search on bytes, ties included", () => {
  const { integer } = rngFrom(9);
  const draw = (rows: number) => Uint8Array.from({ length: rows * 5 }, () => 100 * integer(3));
  expectSame(draw(100), draw(200), 5);
});

test("is exact where the bounds are tight and the best two differ by less than their rounding", () => {
  // Midpoints of all pairs of references: in the span of the basis, and equally far from two but for the last bits.
  const dim = 60;
  const { uniform } = rngFrom(12);
  const references = Float32Array.from({ length: 30 * dim }, () => 255 * uniform());
  const row = (r: number) => references.subarray(r * dim, (r + 1) * dim);
  const queries: number[] = [];
  for (let b = 0; b < 30; b++) for (let a = 0; a < b; a++) queries.push(...row(a).map((x, k) => (x + row(b)[k]!) / 2));
  expectSame(Float32Array.from(queries), references, dim);
});

test("works with fewer, equal and zero references", () => {
  const queries = Float32Array.of(1, 2, 3, 4, 5, 6);
  expectSame(queries, Float32Array.of(1, 1, 1), 3);
  expectSame(queries, new Float32Array(3 * 50).fill(2), 3);
  expectSame(queries, new Float32Array(3 * 50), 3);
});

test("finds each reference itself at distance 0", () => {
  const references = structured(200, 30, { rank: 3, seed: 4 });
  const { indices, squaredDistances } = indexReferences({ references, dim: 30 }).search(references);
  assert.equal([...indices], [...indices.keys()]);
  assert.ok(squaredDistances.every((distance) => distance === 0));
});

test("refuses rows that do not divide, no references, mixed types and values that are not finite", () => {
  const references = new Float32Array(12);
  const search = (queries: Pixels) => nearestNeighbours({ queries, references, dim: 4 });
  assert.throws(() => search(new Float32Array(6)), /queries want rows of 4 values, got 6/);
  assert.throws(() => search(new Uint8Array(4)), /Uint8Array .* Float32Array/);
  assert.throws(() => search(new Float32Array(4).fill(Number.NaN)), /query 0 is not finite/);
  assert.throws(() => indexReferences({ references: new Float32Array(0), dim: 4 }), /at least one reference/);
});

test.run();
