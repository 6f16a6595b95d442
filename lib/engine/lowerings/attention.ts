/** Attention of `nn/`: of all positions to each other, and of one to those before it. */
import { tellsCacheSize } from "../machine.js";
import { defineLowering, type Inputs, type Lowering } from "../traceBackend.js";
import { split } from "./shapes.js";

/**
 * Attention of every position to every other, heads side by side. ONNX Runtime's kernel for processors goes over blocks of keys that
 * fit the second cache (Dao et al. 2022, arXiv:2205.14135, algorithm 1).
 */
const attention: Lowering<Inputs<"qkv">> = ({ inputs: { qkv }, attributes, graph }) => {
  const width = qkv.shape[2]! / 3;
  const parts = split(graph, qkv, { axis: 2, sizes: [width, width, width] });
  const request = {
    op: "MultiHeadAttention",
    inputs: parts.map((part) => graph.whole(part)),
    attributes: { num_heads: BigInt(Number(attributes["heads"])) },
    domain: "com.microsoft",
  };
  return graph.sym(request, { type: qkv.type, shape: qkv.shape.with(2, width) });
};

// Where ONNX Runtime is not told the size of that cache, its kernel makes the scores of all heads at once.
if (tellsCacheSize())
  defineLowering("Attention", ["qkv"], attention, {
    where: ({ target, precision }) => target === "cpu" && precision === "float32",
  });

/**
 * Attention of one position over a cache with room for any C, read where it lies: the transpose becomes an operand flag of
 * the product. q is [B, heads, 1, d], the cache [B, heads, C, d], the mask [C]. Other devices would copy it for that, and turn
 * q instead.
 *
 * q is scaled by a vector of d equal numbers: ONNX Runtime would make a scalar the product's alpha, and for an alpha other
 * than 1 it has no product of one row that reads the other operand in place; that took three times as long.
 */
defineLowering("CachedAttention", ["q", "k", "v", "cacheK", "cacheV", "mask"], ({ inputs, attributes, graph }) => {
  const { q, k, v, cacheK, cacheV, mask } = inputs;
  const [batch, heads, room, d] = cacheK.shape as [number, number, number, number];
  type Attributes = Record<string, bigint | bigint[]>;
  type Rows = readonly [number, number];
  const node = (op: string, inputs: readonly string[], rows: Rows, attributes: Attributes = {}, domain = "") =>
    graph.node({ op, inputs, attributes, domain }, { type: q.type, shape: [batch, heads, ...rows] });
  const scales = graph.constant(new Array<number>(d).fill(Number(attributes["scale"])), [d], "float32");
  const query = node("Mul", [graph.whole(q), graph.whole(scales)], [1, d]);
  const [key, value] = [graph.whole(k), graph.whole(v)];
  const turned = (name: string, rows: Rows) => node("Transpose", [name], rows, { perm: [0n, 1n, 3n, 2n] });
  const cached = graph.whole(cacheK);
  const scored =
    graph.target === "cpu"
      ? node("FusedMatMul", [query, cached], [1, room], { transB: 1n }, "com.microsoft")
      : turned(node("MatMul", [cached, turned(query, [d, 1])], [room, 1]), [1, room]);
  const past = node("Add", [scored, graph.whole(mask)], [1, room]);
  const products = node("Mul", [query, key], [1, d]);
  const own = node("ReduceSum", [products, graph.int64([-1])], [1, 1], { keepdims: 1n });
  const scores = node("Concat", [past, own], [1, room + 1], { axis: -1n });
  const weights = node("Softmax", [scores], [1, room + 1], { axis: -1n });
  const cut = (from: number, to: number, length: number) =>
    node("Slice", [weights, graph.int64([from]), graph.int64([to]), graph.int64([-1])], [1, length]);
  const fromCache = node("MatMul", [cut(0, -1, room), graph.whole(cacheV)], [1, d]);
  const fromOwn = node("Mul", [cut(-1, Number.MAX_SAFE_INTEGER, 1), value], [1, d]);
  return graph.sym({ op: "Add", inputs: [fromCache, fromOwn] }, q);
});
