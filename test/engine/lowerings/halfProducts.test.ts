/** Products of float16 with sums in float32: how they are cut, on any machine, and what comes out, on a device that has them. */
import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { TracedGraph } from "../../../lib/engine/finishGraph.js";
import { PIECE } from "../../../lib/engine/lowerings/halfProducts.js";
import { fullPrecision, trace } from "../../../lib/engine/traceBackend.js";
import type { HostTensor, Step, TensorSpec } from "../../../lib/engine/types.js";
import { rngFrom } from "../../../lib/random.js";
import { sizeOf } from "../../../lib/shapes.js";
import { expectClose } from "../../support.js";
import { compareEngines, HALF } from "../support/compareEngines.js";
import { drawFrom } from "../support/drawing.js";
import { halfWebgpu, missingHalf } from "../support/webgpu.js";
import { cases } from "./cases/matmul.js";

const test = suite("lowerings/halfProducts");
const device = suite(
  `lowerings/halfProducts on WebGPU${missingHalf === undefined ? "" : ` (skipped: ${missingHalf})`}`,
);
const onDevice = missingHalf === undefined ? device : device.skip;

const FLOATS = Object.entries(cases).filter(([sentence]) => sentence !== "integer products are exact");

for (const [sentence, group] of FLOATS) {
  test(`${sentence}, in a graph for half precision`, () => compareEngines(sentence, group, "half"));
  onDevice(`${sentence}, in half precision on WebGPU`, () => compareEngines(sentence, group, "half device"));
}

const float = (...shape: (number | string)[]): TensorSpec => ({ dtype: "float32", shape });
const product: Step = ({ a, b }) => ({ y: tf.matMul(a!, b!) });
const traced = (step: Step, inputs: Record<string, TensorSpec>) => trace(step, { name: "half", inputs }, HALF);

const LAYOUTS = [false, true].flatMap((transposeA) => [false, true].map((transposeB) => ({ transposeA, transposeB })));
/** Below, at and above a piece; with divisors and without; many pieces side by side, and one after the other. */
const INNER = [1, 100, PIECE, PIECE + 1, 3 * PIECE, 1000, 997];
const SIDES = [
  [2, 3],
  [150, 140],
] as const;

const draw = drawFrom(7, "half products");
const long = LAYOUTS.flatMap(({ transposeA, transposeB }) =>
  INNER.flatMap((inner) =>
    SIDES.map(([rows, columns]) => {
      const shapes = [
        transposeA ? [2, inner, rows] : [2, rows, inner],
        transposeB ? [columns, inner] : [inner, columns],
      ];
      return {
        name: `inner size ${inner}, ${rows} by ${columns}, transposed ${transposeA} ${transposeB}`,
        operands: shapes.map((shape) => draw.operand(shape, { form: "input", value: draw.normal })),
        f: (a: tf.Tensor, b: tf.Tensor) => tf.matMul(a, b, transposeA, transposeB),
        gradients: 0 as const,
        tolerance: { absolute: 0, relative: 1e-2 }, // of the largest
      };
    }),
  ),
);

const CUT = "inner dimensions of every length are cut rightly in all layouts";
test(`${CUT}, in a graph for half precision`, () => compareEngines(CUT, long, "half"));
onDevice(`${CUT}, in half precision on WebGPU`, () => compareEngines(CUT, long, "half device"));

const valuesOf = (graph: TracedGraph) =>
  new Map([...graph.inputs, ...graph.intermediates, ...graph.outputs].map((value) => [value.name, value]));

test("no product adds up more than a piece in float16, and no result of one outgrows the product's operands or its result", () => {
  for (const [rows, inner, columns] of [
    [1024, 512, 2048],
    [512, 16384, 2048],
    [1, 997, 5000],
  ] as const) {
    const graph = traced(product, { a: float(rows, inner), b: float(inner, columns) });
    const values = valuesOf(graph);
    const products = graph.nodes.filter(({ op }) => op === "MatMul");
    assert.ok(products.length > 0);
    const most = Math.max((rows + columns) * inner, rows * columns);
    let together = 0;
    for (const { inputs, outputs } of products) {
      const [left, made] = [values.get(inputs[0]!)!, values.get(outputs[0]!)!];
      assert.equal([left.type, made.type], ["float16", "float16"]);
      const width = Number(left.shape.at(-1));
      const size = sizeOf(made.shape.map(Number));
      assert.ok(width <= PIECE, `${inner}: pieces of ${width}`);
      assert.ok(size <= most, `${inner}: ${size} numbers beside ${most}`);
      together += (width * size) / (rows * columns);
    }
    assert.ok(together >= inner && together < inner + PIECE, `${inner}: ${together} with what is padded`);
  }
});

const opsOf = ({ nodes }: TracedGraph) => nodes.map(({ op }) => op);

test("convolutions, sums of rows by index and what asks for full precision stay in float32", () => {
  const image = float(1, 4, 4, 3);
  const steps: [Step, Record<string, TensorSpec>][] = [
    [
      ({ x, w }) => ({ y: tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same") }),
      { x: image, w: float(3, 3, 3, 2) },
    ],
    [({ x, w }) => ({ y: tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, 0) }), { x: image, w: float(1, 1, 3, 2) }],
    [
      ({ x, i }) => ({ y: tf.unsortedSegmentSum(x!, i as tf.Tensor1D, 5) }),
      { x: float(3, 2), i: { dtype: "int32", shape: [3] } },
    ],
    [(inputs) => fullPrecision(() => product(inputs)), { a: float(4, 500), b: float(500, 3) }],
  ];
  for (const [step, inputs] of steps) {
    const casts = traced(step, inputs).nodes.filter(({ attributes }) => attributes["to"] === 10n);
    assert.equal(casts, []);
  }
  const after = traced((inputs) => ({ ...fullPrecision(() => ({})), ...product(inputs) }), {
    a: float(4, 5),
    b: float(5, 3),
  });
  assert.equal(opsOf(after).reverse(), ["Cast", "Cast", "MatMul", "Cast"], "only what is inside");
});

test("a dimension that varies is never cut: such a product is float32 where it is longer than a piece", () => {
  const withRows = (inner: number) => opsOf(traced(product, { a: float("t", inner), b: float(inner, 3) }));
  assert.ok(withRows(PIECE).includes("Cast"));
  assert.equal(withRows(PIECE + 1), ["MatMul"]);
  assert.equal(opsOf(traced(product, { a: float(2, "t"), b: float("t", 3) })), ["MatMul"]);
});

/** Runs one product on the device. */
async function onWebgpu(a: HostTensor, b: HostTensor): Promise<ArrayLike<number>> {
  const program = await (await halfWebgpu()).compile(product, { name: "half", inputs: { a, b } });
  try {
    return (await program.run({ a, b }))["y"]!.data;
  } finally {
    await program.dispose();
  }
}

const host = (shape: readonly number[], value: (i: number) => number): HostTensor => {
  return { dtype: "float32", shape, data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => value(i)) };
};

onDevice(
  "sums are float32: 4,096 ones are 4,096, which float16 counts to 2,048, and 81,920 is not infinite",
  async () => {
    for (const [rows, columns] of [
      [1, 4],
      [2, 3],
      [130, 140],
    ] as const)
      for (const factor of [1, 20]) {
        const [a, b] = [host([rows, 4096], () => factor), host([4096, columns], () => 1)];
        const y = Array.from(await onWebgpu(a, b));
        assert.ok(
          y.every((value) => value === 4096 * factor),
          `${rows} by ${columns}: ${y[0]}`,
        );
      }
  },
);

onDevice("operands are float16: what it cannot tell from 1 is 1", async () => {
  const y = await onWebgpu(
    host([1, 1], () => 1 + 2 ** -12),
    host([1, 1], () => 1),
  );
  assert.equal(Array.from(y), [1]);
});

onDevice("the error does not grow with the inner dimension: 0.2% at 4,096 as at 512", async () => {
  for (const inner of [512, 4096]) {
    const rng = rngFrom(inner);
    const [a, b] = [host([16, inner], () => rng.normal()), host([inner, 16], () => rng.normal())];
    const y = await onWebgpu(a, b);
    let [gaps, squares] = [0, 0];
    for (let i = 0; i < 256; i++) {
      let want = 0;
      for (let k = 0; k < inner; k++) want += a.data[Math.floor(i / 16) * inner + k]! * b.data[k * 16 + (i % 16)]!;
      gaps += (y[i]! - want) ** 2;
      squares += want ** 2;
    }
    expectClose([Math.sqrt(gaps / squares)], [0], `inner size ${inner}`, { absolute: 2.2e-3 });
  }
});

test.run();
device.run();
