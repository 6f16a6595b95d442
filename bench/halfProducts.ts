/**
 * How far off half-precision products are by the length of their pieces, on a device that has 16-bit floats.
 *
 *     node dist/bench/halfProducts.js
 *
 * Random normal numbers, [64, K] times [K, 64]; errors are root mean squares of the gaps over those of the exact product.
 */
import ort from "onnxruntime-node";
import "../lib/engine/lowerings/index.js";
import { GraphBuilder } from "../lib/engine/graphBuilder.js";
import { halfProduct } from "../lib/engine/lowerings/halfProducts.js";
import { writeModel } from "../lib/engine/onnx.js";
import { sessionOptions } from "../lib/engine/onnxruntime.js";
import { rngFrom } from "../lib/random.js";
import { textTable } from "../lib/ui/table.js";

const SIDE = 64;
const INNER = [512, 2048, 4096];
const PIECES = [32, 64, 128, 256, 512];
/** Bits of a mantissa, the leading one included. */
const [FLOAT16, BFLOAT16] = [11, 8];

const rows: string[][] = [];
for (const inner of INNER) {
  const rng = rngFrom(inner);
  const [a, b] = [inner * SIDE, inner * SIDE].map((size) => Float32Array.from({ length: size }, () => rng.normal()));
  const exact = product(a!, b!, inner);
  const roundedOnly = (bits: number) => product(rounded(a!, bits), rounded(b!, bits), inner);
  rows.push([`${inner}`, "operands alone, float16", percent(error(roundedOnly(FLOAT16), exact))]);
  rows.push([`${inner}`, "operands alone, bfloat16", percent(error(roundedOnly(BFLOAT16), exact))]);
  for (const piece of PIECES.filter((length) => length < inner))
    rows.push([`${inner}`, `pieces of ${piece}`, percent(error(await onDevice(a!, b!, piece), exact))]);
  rows.push([`${inner}`, "one piece", percent(error(await onDevice(a!, b!, inner), exact))]);
}
console.log(textTable({ header: ["inner size", "product", "error"], rows }));

/** [SIDE, K] times [K, SIDE] in double. */
function product(a: Float32Array, b: Float32Array, inner: number): Float64Array {
  return Float64Array.from({ length: SIDE * SIDE }, (_, at) => {
    const [row, column] = [Math.floor(at / SIDE), at % SIDE];
    let sum = 0;
    for (let k = 0; k < inner; k++) sum += a[row * inner + k]! * b[k * SIDE + column]!;
    return sum;
  });
}

/** Numbers with mantissas of so many bits; none here is near the ends of a format's range. */
function rounded(values: Float32Array, bits: number): Float32Array {
  return values.map((value) => {
    if (value === 0) return 0;
    const unit = 2 ** (Math.floor(Math.log2(Math.abs(value))) - bits + 1);
    return Math.round(value / unit) * unit;
  });
}

async function onDevice(a: Float32Array, b: Float32Array, piece: number): Promise<ArrayLike<number>> {
  const shapes = { a: [SIDE, a.length / SIDE], b: [b.length / SIDE, SIDE] };
  const graph = new GraphBuilder({ target: "webgpu", precision: "float16" });
  const [left, right] = [
    graph.input({ name: "a", type: "float32", shape: shapes.a }),
    graph.input({ name: "b", type: "float32", shape: shapes.b }),
  ];
  const y = halfProduct(graph, left, right, { piece });
  const session = await ort.InferenceSession.create(
    writeModel(graph.finish("half", { y })),
    sessionOptions({ device: "webgpu" }),
  );
  const feeds = { a: new ort.Tensor("float32", a, shapes.a), b: new ort.Tensor("float32", b, shapes.b) };
  const made = (await session.run(feeds))["y"]!.data as Float32Array;
  await session.release();
  return made;
}

function error(got: ArrayLike<number>, want: Float64Array): number {
  let [gaps, squares] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    gaps += (got[i]! - want[i]!) ** 2;
    squares += want[i]! ** 2;
  }
  return Math.sqrt(gaps / squares);
}

function percent(share: number): string {
  return `${(100 * share).toFixed(3)}%`;
}
