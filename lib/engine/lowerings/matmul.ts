/** Matrix products. */

import { type ProductLayout, productShape, sizeOf } from "../../shapes.js";
import type { GraphBuilder } from "../graphBuilder.js";
import type { Sym } from "../symbols.js";
import { defineLowering } from "../traceBackend.js";
import { elementwise, number } from "./elementwise.js";
import { canBeHalf, halfProduct } from "./halfProducts.js";
import { concat, reshape, swapLast } from "./shapes.js";

export type MatMulOptions = ProductLayout & {
  /** Factor on the product. */
  readonly alpha?: number;
};

defineLowering("BatchMatMul", ["a", "b"], ({ inputs: { a, b }, attributes, graph }) =>
  product(graph, a, b, {
    transposeA: attributes["transposeA"] === true,
    transposeB: attributes["transposeB"] === true,
  }),
);

/** The products that models ask for. Those inside other lowerings (convolutions, sums of rows) are float32 always. */
function product(graph: GraphBuilder, a: Sym, b: Sym, layout: ProductLayout): Sym {
  if (graph.precision === "float16" && canBeHalf(graph, a, b, layout)) return halfProduct(graph, a, b, layout);
  const pieces = rowPieces(graph, a, b, layout);
  return pieces > 1 ? inPieces(graph, a, b, { ...layout, pieces }) : matMul(graph, a, b, layout);
}

/**
 * In how many equal pieces the rows of a product are best computed on a processor. ONNX Runtime's kernel goes over all rows for every
 * 128 columns and every 128 of the inner dimension, and gets slower with their number (bench/README.md, measured where weights are
 * fed). Products of weights that are part of the model stay whole: the kernel packs those once for all steps.
 */
function rowPieces(graph: GraphBuilder, a: Sym, b: Sym, { transposeA = false }: ProductLayout): number {
  const plain = [a, b].every(
    (x) => x.type === "float32" && x.shape.length === 2 && graph.uniformValue(x) === undefined,
  );
  if (graph.target !== "cpu" || transposeA || !plain || graph.initializers.builtIn(b)) return 1;
  const rows = a.shape[0]!;
  if (rows < MANY_ROWS) return 1;
  for (let pieces = Math.ceil(rows / MOST_ROWS); rows / pieces >= LEAST_ROWS; pieces++)
    if (rows % pieces === 0) return pieces;
  return 1;
}

const MANY_ROWS = 2048;
/** Of a piece. */
const [LEAST_ROWS, MOST_ROWS] = [256, 512];

/**
 * `a op(b)` with the rows of a in pieces, a batch, without copies. A right operand that is a matrix, or a batch of one, would make them
 * one product again; [K, 1, N] with its first two axes exchanged (`transBatchB`), which is the same numbers, does not.
 */
function inPieces(
  graph: GraphBuilder,
  a: Sym,
  b: Sym,
  { transposeB = false, pieces }: ProductLayout & { readonly pieces: number },
): Sym {
  const [rows, inner] = a.shape as [number, number];
  const [first, last] = b.shape as [number, number];
  const columns = transposeB ? first : last;
  const left = reshape(graph, a, [pieces, rows / pieces, inner]);
  const right = reshape(graph, b, [first, 1, last]);
  const request = {
    op: "FusedMatMul",
    inputs: [graph.whole(left), graph.whole(right)],
    attributes: { transB: transposeB ? 1n : 0n, transBatchB: 1n },
    domain: "com.microsoft",
  };
  const product = graph.sym(request, { type: a.type, shape: [pieces, rows / pieces, columns] });
  return reshape(graph, product, [rows, columns]);
}

/**
 * `a b^T - c`, c one number a row. Where rows are long, c goes into the product as one more column of a, and saves a pass
 * over all of it.
 */
defineLowering("ProductLess", ["a", "b", "c"], ({ inputs: { a, b, c }, graph }) => {
  if (graph.target !== "cpu" || b.shape.at(-2)! < LONG_ROW)
    return elementwise(graph, "Sub", [product(graph, a, b, { transposeB: true }), c]);
  const one = { ...number(graph, 1), shape: [...b.shape.slice(0, -1), 1] };
  const left = concat(graph, [a, elementwise(graph, "Neg", [c])], -1);
  return matMul(graph, left, concat(graph, [b, one], -1), { transposeB: true });
});

const LONG_ROW = 256;

/**
 * `alpha * op(a) op(b)` over the last two axes, leading axes broadcast.
 * On CPU transposition and factor belong to one `FusedMatMul`, but for the left operand of a wide product; other devices lack that
 * kernel and get a `Transpose`.
 */
export function matMul(
  graph: GraphBuilder,
  a: Sym,
  b: Sym,
  { transposeA = false, transposeB = false, alpha = 1 }: MatMulOptions = {},
): Sym {
  const shape = productShape(a.shape, b.shape, { transposeA, transposeB });
  const type = { type: a.type, shape };
  if (graph.uniformValue(a) === 0 || graph.uniformValue(b) === 0) return { ...number(graph, 0, a.type), shape };
  if (graph.target === "cpu" && transposeA && isTurnedAhead(a, shape)) {
    if (!isTall(a, shape)) return matMul(graph, swapLast(graph, a), b, { transposeB, alpha });
    return swapLast(graph, matMul(graph, transposeB ? b : swapLast(graph, b), a, { alpha }));
  }
  if (graph.target === "cpu" && a.type === "float32" && (transposeA || transposeB || alpha !== 1)) {
    const attributes = { transA: transposeA ? 1n : 0n, transB: transposeB ? 1n : 0n, alpha };
    const inputs = [graph.whole(a), graph.whole(b)];
    return graph.sym({ op: "FusedMatMul", inputs, attributes, domain: "com.microsoft" }, type);
  }
  const left = transposeA ? swapLast(graph, a) : a;
  const right = transposeB ? swapLast(graph, b) : b;
  const product = graph.sym({ op: "MatMul", inputs: [graph.whole(left), graph.whole(right)] }, type);
  if (alpha === 1) return product;
  return graph.sym({ op: "Mul", inputs: [graph.whole(product), graph.scalar(alpha, a.type)] }, type);
}

/**
 * Whether a left operand is transposed before its product (the gradients of weights). ONNX Runtime's kernel would transpose it once
 * for every 128 columns of the result.
 */
function isTurnedAhead(a: Sym, product: readonly number[]): boolean {
  return sizeOf(a.shape.slice(0, -2)) === 1 && product.at(-1)! >= COLUMNS_AT_ONCE;
}

const COLUMNS_AT_ONCE = 128;

/**
 * Whether `a^T b` is made as `(b^T a)^T`: where that moves no more elements, since the kernel is slower for many rows than for many
 * columns.
 */
function isTall(a: Sym, product: readonly number[]): boolean {
  const inner = a.shape.at(-2)!;
  const [rows, columns] = product.slice(-2) as [number, number];
  return sizeOf(product) === rows * columns && columns * (inner + rows) <= inner * rows;
}
