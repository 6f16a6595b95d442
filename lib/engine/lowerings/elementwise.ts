/** Kernels that act on each element by itself. Results of broadcasts stay unexpanded as long as possible. */
import type * as tf from "@tensorflow/tfjs";
import { broadcastShapes } from "../../shapes.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { ELEMENT, type ElementType, type PlainAttribute } from "../onnx.js";
import type { Sym } from "../symbols.js";
import { defineListLowering, defineLowering, elementOf } from "../traceBackend.js";
import { channelsFirst, firstOrder, fourAxes, preferPlanes } from "./layout.js";

/** A node over broadcast operands whose result is itself kept unexpanded. */
export function elementwise(
  graph: GraphBuilder,
  op: string,
  operands: readonly Sym[],
  options: { type?: ElementType; attributes?: Record<string, PlainAttribute>; domain?: string } = {},
): Sym {
  const { type = operands[0]!.type, attributes = {}, domain = "" } = options;
  const shape = operands.map((sym) => sym.shape).reduce(broadcastShapes);
  const stored = operands.map((sym) => sym.stored.shape).reduce(broadcastShapes);
  if (preferPlanes(operands)) {
    const inputs = operands.map((sym) => channelsFirst(graph, sym));
    const made = { type, shape: firstOrder(fourAxes(stored)) };
    const name = graph.node({ op, inputs, attributes, domain }, made);
    return { type, shape, stored: { shape: stored, channelsFirst: name } };
  }
  const inputs = operands.map((sym) => graph.compact(sym));
  const name = graph.node({ op, inputs, attributes, domain }, { type, shape: stored });
  return { type, shape, stored: { shape: stored, name } };
}

/** The number `value` as a symbol that broadcasts against anything. */
export function number(graph: GraphBuilder, value: number, type: ElementType = "float32"): Sym {
  return graph.constant([value], [], type);
}

/** The same elements seen as `shape`, which they broadcast to. */
export function broadcastTo(sym: Sym, shape: readonly number[]): Sym {
  return { ...sym, shape };
}

const UNARY = {
  Abs: "Abs",
  Ceil: "Ceil",
  Cos: "Cos",
  Erf: "Erf",
  Exp: "Exp",
  Floor: "Floor",
  IsNan: "IsNaN",
  Log: "Log",
  LogicalNot: "Not",
  Neg: "Neg",
  Reciprocal: "Reciprocal",
  Relu: "Relu",
  Round: "Round",
  Sigmoid: "Sigmoid",
  Sign: "Sign",
  Sin: "Sin",
  Softplus: "Softplus",
  Sqrt: "Sqrt",
  Tanh: "Tanh",
} as const;

const YIELDS_BOOL = new Set(["IsNan", "LogicalNot"]);

/** What WebGPU lacks as an operation, or lacks for integers, out of what it has. */
const ON_WEBGPU: Readonly<Record<string, (graph: GraphBuilder, x: Sym) => Sym>> = {
  Abs: (graph, x) => elementwise(graph, "Max", [x, elementwise(graph, "Sub", [number(graph, 0, x.type), x])]),
  IsNan: (graph, x) => {
    const self = elementwise(graph, "Equal", [x, x], { type: "bool" });
    return elementwise(graph, "Not", [self], { type: "bool" });
  },
  Neg: (graph, x) => negated(graph, x),
  Relu: (graph, x) => elementwise(graph, "Max", [x, number(graph, 0, x.type)]),
  Round: (graph, x) => {
    // The nearest even number is the half's nearest number, doubled, wherever x is halfway.
    const half = number(graph, 0.5);
    const below = elementwise(graph, "Floor", [x]);
    const up = elementwise(graph, "Floor", [elementwise(graph, "Add", [x, half])]);
    const halved = elementwise(graph, "Mul", [below, half]);
    const isEven = elementwise(graph, "Equal", [elementwise(graph, "Floor", [halved]), halved], { type: "bool" });
    const even = elementwise(graph, "Where", [isEven, below, up], { type: "float32" });
    const distance = elementwise(graph, "Sub", [x, below]);
    const halfway = elementwise(graph, "Equal", [distance, half], { type: "bool" });
    return elementwise(graph, "Where", [halfway, even, up], { type: "float32" });
  },
  Sign: (graph, x) => {
    const zero = number(graph, 0, x.type);
    const signs = ["Greater", "Less"].map((op) =>
      cast(graph, elementwise(graph, op, [x, zero], { type: "bool" }), x.type),
    );
    return elementwise(graph, "Sub", signs);
  },
};
const FOR_FLOATS_TOO = new Set(["IsNan", "Round", "Sign"]);

for (const [kernel, op] of Object.entries(UNARY))
  defineLowering(kernel, ["x"], ({ inputs: { x }, graph }) => {
    const made = ON_WEBGPU[kernel];
    if (made && graph.target === "webgpu" && (x.type !== "float32" || FOR_FLOATS_TOO.has(kernel)))
      return made(graph, x);
    return elementwise(graph, op, [x], { type: YIELDS_BOOL.has(kernel) ? "bool" : x.type });
  });

defineLowering("Identity", ["x"], ({ inputs: { x } }) => x);
defineLowering("ZerosLike", ["x"], ({ inputs: { x }, graph }) => broadcastTo(number(graph, 0, x.type), x.shape));
defineLowering("OnesLike", ["x"], ({ inputs: { x }, graph }) => broadcastTo(number(graph, 1, x.type), x.shape));
defineLowering("Square", ["x"], ({ inputs: { x }, graph }) => elementwise(graph, "Mul", [x, x]));
defineLowering("Rsqrt", ["x"], ({ inputs: { x }, graph }) =>
  elementwise(graph, "Reciprocal", [elementwise(graph, "Sqrt", [x])]),
);
defineLowering("IsFinite", ["x"], ({ inputs: { x }, graph }) => {
  const difference = elementwise(graph, "Sub", [x, x]); // 0 for finite, NaN for infinities and NaN
  return elementwise(graph, "Equal", [difference, number(graph, 0)], { type: "bool" });
});
defineLowering("LeakyRelu", ["x"], ({ inputs: { x }, attributes, graph }) =>
  elementwise(graph, "LeakyRelu", [x], { attributes: { alpha: Number(attributes["alpha"]) } }),
);
defineLowering("ClipByValue", ["x"], ({ inputs: { x }, attributes, graph }) => {
  const { type } = x;
  const low = number(graph, Number(attributes["clipValueMin"]), type);
  const high = number(graph, Number(attributes["clipValueMax"]), type);
  return elementwise(graph, "Min", [elementwise(graph, "Max", [x, low]), high]);
});
defineLowering("Step", ["x"], ({ inputs: { x }, attributes, graph }) => {
  const alpha = Number(attributes["alpha"] ?? 0);
  const positive = elementwise(graph, "Greater", [x, number(graph, 0, x.type)], { type: "bool" });
  if (alpha === 0) return cast(graph, positive, x.type);
  // 0 and 1 with a lower bound: on a processor half the time of a choice between two numbers.
  if (graph.target === "cpu" && alpha > 0 && alpha < 1)
    return elementwise(graph, "Clip", [cast(graph, positive, "float32"), number(graph, alpha)]);
  return elementwise(graph, "Where", [positive, number(graph, 1), number(graph, alpha)], { type: "float32" });
});
defineLowering("Cast", ["x"], ({ inputs: { x }, attributes, graph }) =>
  cast(graph, x, elementOf(attributes["dtype"] as tf.DataType)),
);

/** `sym` with elements of another type; floats are truncated towards zero. */
export function cast(graph: GraphBuilder, sym: Sym, type: ElementType): Sym {
  if (sym.type === type) return sym;
  return elementwise(graph, "Cast", [sym], { type, attributes: { to: BigInt(ELEMENT[type]) } });
}

const COMPARISONS = {
  Equal: "Equal",
  Greater: "Greater",
  GreaterEqual: "GreaterOrEqual",
  Less: "Less",
  LessEqual: "LessOrEqual",
  LogicalAnd: "And",
  LogicalOr: "Or",
} as const;

for (const [kernel, op] of Object.entries(COMPARISONS))
  defineLowering(kernel, ["a", "b"], ({ inputs: { a, b }, graph }) => compare(graph, op, a, b));

defineLowering("NotEqual", ["a", "b"], ({ inputs: { a, b }, graph }) =>
  elementwise(graph, "Not", [compare(graph, "Equal", a, b)], { type: "bool" }),
);

/** A comparison, or logic; WebGPU compares numbers only, and lacks `Or`: 0 and 1 as integers do for both. */
function compare(graph: GraphBuilder, op: string, a: Sym, b: Sym): Sym {
  if (graph.target !== "webgpu" || a.type !== "bool" || op === "And")
    return elementwise(graph, op, [a, b], { type: "bool" });
  const numbers = [cast(graph, a, "int32"), cast(graph, b, "int32")];
  if (op !== "Or") return elementwise(graph, op, numbers, { type: "bool" });
  return cast(graph, elementwise(graph, "Max", numbers), "bool");
}

for (const [kernel, op] of Object.entries({ Maximum: "Max", Minimum: "Min", Pow: "Pow" }))
  defineLowering(kernel, ["a", "b"], ({ inputs: { a, b }, graph }) => elementwise(graph, op, [a, b]));

defineLowering("SquaredDifference", ["a", "b"], ({ inputs: { a, b }, graph }) => {
  const difference = elementwise(graph, "Sub", [a, b]);
  return elementwise(graph, "Mul", [difference, difference]);
});
defineLowering("Add", ["a", "b"], ({ inputs: { a, b }, graph }) => add(graph, a, b));
defineListLowering("AddN", ({ inputs, graph }) => inputs.reduce((sum, one) => add(graph, sum, one)));

defineLowering("Sub", ["a", "b"], ({ inputs: { a, b }, graph }) => {
  const shape = broadcastShapes(a.shape, b.shape);
  if (graph.uniformValue(b) === 0) return broadcastTo(a, shape);
  if (graph.uniformValue(a) === 0) return broadcastTo(negated(graph, b), shape);
  return elementwise(graph, "Sub", [a, b]);
});
defineLowering("Multiply", ["a", "b"], ({ inputs: { a, b }, graph }) => multiply(graph, a, b));
defineLowering("RealDiv", ["a", "b"], ({ inputs: { a, b }, graph }) => {
  if (graph.uniformValue(b) === 1) return broadcastTo(a, broadcastShapes(a.shape, b.shape));
  return elementwise(graph, "Div", [a, b]);
});
defineLowering("FloorDiv", ["a", "b"], ({ inputs: { a, b }, graph }) => {
  const floats = [a, b].map((sym) => cast(graph, sym, "float32"));
  const quotient = elementwise(graph, "Floor", [elementwise(graph, "Div", floats)]);
  return cast(graph, quotient, "int32");
});

defineLowering("Select", ["condition", "t", "e"], ({ inputs: { condition, t, e }, graph }) => {
  // tf.where has broadcast all three to one shape.
  return elementwise(graph, "Where", [cast(graph, condition, "bool"), t, e], { type: t.type });
});

function negated(graph: GraphBuilder, x: Sym): Sym {
  const takesFloatsOnly = graph.target === "webgpu";
  if (!takesFloatsOnly || x.type === "float32") return elementwise(graph, "Neg", [x]);
  return elementwise(graph, "Sub", [number(graph, 0, x.type), x]);
}

/** `a + b`; adding the constant 0 costs nothing. */
export function add(graph: GraphBuilder, a: Sym, b: Sym): Sym {
  const shape = broadcastShapes(a.shape, b.shape);
  if (graph.uniformValue(a) === 0) return broadcastTo(b, shape);
  if (graph.uniformValue(b) === 0) return broadcastTo(a, shape);
  return elementwise(graph, "Add", [a, b]);
}

/** `a * b`; the constants 1 and 0, with which tfjs gradients broadcast and mask, cost nothing. */
export function multiply(graph: GraphBuilder, a: Sym, b: Sym): Sym {
  const shape = broadcastShapes(a.shape, b.shape);
  const [left, right] = [graph.uniformValue(a), graph.uniformValue(b)];
  if (left === 1) return broadcastTo(b, shape);
  if (right === 1) return broadcastTo(a, shape);
  if (left === 0 || right === 0) return broadcastTo(number(graph, 0, a.type), shape);
  return elementwise(graph, "Mul", [a, b]);
}
