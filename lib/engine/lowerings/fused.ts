/** Operations of `nn/` that ONNX Runtime has as one kernel, or that need integer arithmetic tfjs lacks. */
import { columnNumbers, gridOver } from "../../random.js";
import type { GraphBuilder, Sym } from "../graphBuilder.js";
import { tellsCacheSize } from "../machine.js";
import { sizeOf } from "../shapeMath.js";
import { defineLowering, type Lowering } from "../traceBackend.js";
import { cast, elementwise, number } from "./elementwise.js";
import { concat, reshape, slice, split } from "./shapes.js";

defineLowering("Softmax", ({ inputs: { logits }, attributes, graph }) => {
  const axis = BigInt(Number(attributes["dim"]));
  return graph.sym({ op: "Softmax", inputs: [graph.whole(logits!)], attributes: { axis } }, logits!);
});

/** y, mean and 1/std of a layer norm over the last axis. */
defineLowering("LayerNorm", ({ inputs: { x, gain, bias }, attributes, graph }) => {
  const request = {
    op: "LayerNormalization",
    inputs: [graph.whole(x!), graph.whole(gain!), graph.whole(bias!)],
    attributes: { axis: -1n, epsilon: Number(attributes["epsilon"]) },
  };
  const rows = { type: x!.type, shape: [...x!.shape.slice(0, -1), 1] };
  const [y, mean, inverse] = graph.multi(request, [x!, rows, rows]);
  return [graph.named(y!, x!), graph.named(mean!, rows), graph.named(inverse!, rows)];
});

defineLowering("Gelu", ({ inputs: { x }, graph }) =>
  graph.sym({ op: "Gelu", inputs: [graph.whole(x!)], domain: graph.target === "cpu" ? "com.microsoft" : "" }, x!),
);

/**
 * Attention of every position to every other, heads side by side. ONNX Runtime's kernel for processors goes over blocks of keys that
 * fit the second cache (Dao et al. 2022, arXiv:2205.14135, algorithm 1).
 */
const attention: Lowering = ({ inputs: { qkv }, attributes, graph }) => {
  const width = qkv!.shape[2]! / 3;
  const parts = split(graph, qkv!, { axis: 2, sizes: [width, width, width] });
  const request = {
    op: "MultiHeadAttention",
    inputs: parts.map((part) => graph.whole(part)),
    attributes: { num_heads: BigInt(Number(attributes["heads"])) },
    domain: "com.microsoft",
  };
  return graph.sym(request, { type: qkv!.type, shape: qkv!.shape.with(2, width) });
};

// Where ONNX Runtime is not told the size of that cache, its kernel makes the scores of all heads at once.
if (tellsCacheSize())
  defineLowering("Attention", attention, {
    where: ({ target, precision }) => target === "cpu" && precision === "float32",
  });

/** Multiplies by 0 or 1/(1-p): `dropoutScale` in nn/dropout.ts defines which. */
defineLowering("DropoutScale", ({ inputs: { x, seed }, attributes, graph }) => {
  const { threshold, scale, layer } = attributes as { threshold: number; scale: number; layer: number };
  const last = x!.shape.at(-1)!;
  const [rows, width] = gridOver(sizeOf(x!.shape) / last, last);
  const shift = shifts(graph);
  const numbers = graph.once(() => rowNumbers(graph, cast(graph, seed!, "uint32"), { rows, shift }));
  const words = gridWords(graph, numbers, { columns: columnNumbers(Math.ceil(width / 2), layer), shift });
  const limit = number(graph, threshold * 65536, "uint32");
  const high = elementwise(graph, "GreaterOrEqual", [words, limit], { type: "bool" });
  const low = elementwise(graph, "GreaterOrEqual", [shift.up(words), limit], { type: "bool" });
  const keep = slice(graph, concat(graph, [high, low], 1), { starts: [0, 0], ends: [rows, width] });
  return elementwise(graph, "Mul", [x!, factors(graph, keep, { scale, shape: x!.shape })]);
});

/**
 * `scale` where `keep` says so, else 0. On the processor a byte each is kept for the gradient, which makes the factors anew,
 * and a byte becomes its factor in one pass.
 */
function factors(graph: GraphBuilder, keep: Sym, { scale, shape }: { scale: number; shape: readonly number[] }): Sym {
  if (graph.target !== "cpu") {
    const either = [keep, number(graph, scale), number(graph, 0)];
    return reshape(graph, elementwise(graph, "Where", either, { type: "float32" }), shape);
  }
  const bytes = reshape(graph, cast(graph, keep, "uint8"), shape);
  const inputs = [graph.whole(bytes), graph.scalar(scale, "float32")];
  return graph.fresh(() => graph.sym({ op: "DequantizeLinear", inputs }, { type: "float32", shape }));
}

const GOLDEN = 0x9e3779b1;

/** `mixedUp` of lib/random.ts. */
const mixedUp = (graph: GraphBuilder, x: Sym) =>
  elementwise(graph, "Mul", [
    x,
    elementwise(graph, "Add", [elementwise(graph, "Add", [x, x]), number(graph, 1, "uint32")]),
  ]);

/** `hash32(row, seed)` of lib/random.ts for every row, as uint32 [rows, 1]. */
function rowNumbers(graph: GraphBuilder, seed: Sym, { rows, shift }: { rows: number; shift: Shifts }): Sym {
  const start = reshape(graph, seed, [1, 1]);
  const multiples = Array.from({ length: rows }, (_, row) => Math.imul(row, GOLDEN) >>> 0);
  const add = (a: Sym, b: Sym) => elementwise(graph, "Add", [a, b]);
  const round = (x: Sym) => shift.swap(mixedUp(graph, x));
  const first = round(add(graph.constant(multiples, [rows, 1], "uint32"), start));
  return round(add(round(first), start));
}

/**
 * `gridWord(row, column)` of lib/random.ts for every row and column, as uint32 [rows, columns]. Of the first mixing
 * `x (2x + 1)`, both factors are sums of a row and a column.
 */
function gridWords(
  graph: GraphBuilder,
  rows: Sym,
  { columns, shift }: { columns: readonly number[]; shift: Shifts },
): Sym {
  const add = (a: Sym, b: Sym) => elementwise(graph, "Add", [a, b]);
  const row = (numbers: readonly number[]) => graph.constant(numbers, [1, numbers.length], "uint32");
  const x = add(rows, row(columns));
  const twice = add(add(rows, rows), row(columns.map((column) => (2 * column + 1) >>> 0)));
  return mixedUp(graph, shift.swap(elementwise(graph, "Mul", [x, twice])));
}

type Shifts = {
  readonly up: (x: Sym) => Sym;
  /** Both halves of the word change places. */
  readonly swap: (x: Sym) => Sym;
};

/** Moves uint32 bits by half a word; WebGPU has no shifts, but products that wrap and whole-number division. */
function shifts(graph: GraphBuilder): Shifts {
  const half = number(graph, graph.target === "cpu" ? 16 : 65536, "uint32");
  const move = (direction: "LEFT" | "RIGHT") => (x: Sym) =>
    graph.target === "cpu"
      ? elementwise(graph, "BitShift", [x, half], { attributes: { direction } })
      : elementwise(graph, direction === "LEFT" ? "Mul" : "Div", [x, half]);
  const [up, down] = [move("LEFT"), move("RIGHT")];
  return { up, swap: (x) => elementwise(graph, "Add", [down(x), up(x)]) };
}

/**
 * Attention of one position over a cache with room for any C, read where it lies: the transpose becomes an operand flag of
 * the product. q is [B, heads, 1, d], the cache [B, heads, C, d], the mask [C]. Other devices would copy it for that, and turn
 * q instead.
 *
 * q is scaled by a vector of d equal numbers: ONNX Runtime would make a scalar the product's alpha, and for an alpha other
 * than 1 it has no product of one row that reads the other operand in place; that took three times as long.
 */
defineLowering("CachedAttention", ({ inputs: { q, k, v, cacheK, cacheV, mask }, attributes, graph }) => {
  const [batch, heads, room, d] = cacheK!.shape as [number, number, number, number];
  type Attributes = Record<string, bigint | bigint[]>;
  const node = (op: string, inputs: readonly string[], rows: readonly [number, number], attributes: Attributes = {}) =>
    graph.node({ op, inputs, attributes }, { type: q!.type, shape: [batch, heads, ...rows] });
  const scales = graph.constant(new Array<number>(d).fill(Number(attributes["scale"])), [d], "float32");
  const query = node("Mul", [graph.whole(q!), graph.whole(scales)], [1, d]);
  const [key, value] = [graph.whole(k!), graph.whole(v!)];
  const turned = (name: string, rows: readonly [number, number]) =>
    node("Transpose", [name], rows, { perm: [0n, 1n, 3n, 2n] });
  const cached = graph.whole(cacheK!);
  const scored =
    graph.target === "cpu"
      ? node("MatMul", [query, turned(cached, [d, room])], [1, room])
      : turned(node("MatMul", [cached, turned(query, [d, 1])], [room, 1]), [1, room]);
  const past = node("Add", [scored, graph.whole(mask!)], [1, room]);
  const products = node("Mul", [query, key], [1, d]);
  const own = node("ReduceSum", [products, graph.int64([-1])], [1, 1], { keepdims: 1n });
  const scores = node("Concat", [past, own], [1, room + 1], { axis: -1n });
  const weights = node("Softmax", [scores], [1, room + 1], { axis: -1n });
  const cut = (from: number, to: number, length: number) =>
    node("Slice", [weights, graph.int64([from]), graph.int64([to]), graph.int64([-1])], [1, length]);
  const fromCache = node("MatMul", [cut(0, -1, room), graph.whole(cacheV!)], [1, d]);
  const fromOwn = node("Mul", [cut(-1, Number.MAX_SAFE_INTEGER, 1), value], [1, d]);
  return graph.sym({ op: "Add", inputs: [fromCache, fromOwn] }, q!);
});
