/** Dropout, and the random words that decide what it drops: integer arithmetic that tfjs lacks. */
import { columnNumbers, GOLDEN, gridOver, WORD_HALF } from "../../random.js";
import { sizeOf } from "../../shapes.js";
import type { GraphBuilder } from "../graphBuilder.js";
import type { Sym } from "../symbols.js";
import { defineLowering } from "../traceBackend.js";
import { cast, elementwise, number } from "./elementwise.js";
import { concat, reshape, slice } from "./shapes.js";

/** Multiplies by 0 or 1/(1-p): `dropoutScale` in nn/dropout.ts defines which. */
defineLowering("DropoutScale", ["x", "seed"], ({ inputs: { x, seed }, attributes, graph }) => {
  const { threshold, scale, layer } = attributes as { threshold: number; scale: number; layer: number };
  const last = x.shape.at(-1)!;
  const [rows, width] = gridOver(sizeOf(x.shape) / last, last);
  const shift = shifts(graph);
  const numbers = graph.once(() => rowNumbers(graph, cast(graph, seed, "uint32"), { rows, shift }));
  const words = gridWords(graph, numbers, { columns: columnNumbers(Math.ceil(width / 2), layer), shift });
  const limit = number(graph, threshold * WORD_HALF, "uint32");
  const high = elementwise(graph, "GreaterOrEqual", [words, limit], { type: "bool" });
  const low = elementwise(graph, "GreaterOrEqual", [shift.up(words), limit], { type: "bool" });
  const keep = slice(graph, concat(graph, [high, low], 1), { starts: [0, 0], ends: [rows, width] });
  return elementwise(graph, "Mul", [x, factors(graph, keep, { scale, shape: x.shape })]);
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
  const half = number(graph, graph.target === "cpu" ? 16 : WORD_HALF, "uint32");
  const move = (direction: "LEFT" | "RIGHT") => (x: Sym) =>
    graph.target === "cpu"
      ? elementwise(graph, "BitShift", [x, half], { attributes: { direction } })
      : elementwise(graph, direction === "LEFT" ? "Mul" : "Div", [x, half]);
  const [up, down] = [move("LEFT"), move("RIGHT")];
  return { up, swap: (x) => elementwise(graph, "Add", [down(x), up(x)]) };
}
