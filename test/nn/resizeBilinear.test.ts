import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { NamedTensors } from "../../lib/engine/types.js";
import { bilinearMatrix, type PixelGrid, resizeBilinear } from "../../lib/nn/resizeBilinear.js";
import { golden } from "../models/support/golden.js";
import { hashedImages } from "../models/support/hashedInception.js";
import { expectClose } from "../support.js";
import { gradientsOf, normals, valuesOf } from "./support/eager.js";

const test = suite("nn/resizeBilinear");

const GRIDS: readonly PixelGrid[] = ["half-pixel", "top-left"];
const SIZES = [
  [7, 3],
  [9, 13],
  [2, 2],
  [4, 5],
] as const;

test("two pixels become four: pixels with area keep their place, points move", () => {
  const matrix = (grid: PixelGrid) => [...bilinearMatrix({ from: 2, to: 4, grid })];
  assert.equal(matrix("half-pixel"), [1, 0, 0.75, 0.25, 0.25, 0.75, 0, 1]);
  assert.equal(matrix("top-left"), [1, 0, 0.5, 0.5, 0, 1, 0, 1]);
});

test("four pixels become two: no pixel is averaged in that is not a neighbour", () => {
  const matrix = (grid: PixelGrid) => [...bilinearMatrix({ from: 4, to: 2, grid })];
  assert.equal(matrix("half-pixel"), [0.5, 0.5, 0, 0, 0, 0, 0.5, 0.5]);
  assert.equal(matrix("top-left"), [1, 0, 0, 0, 0, 0, 1, 0]);
});

test("a side that stays is left alone, and a single pixel fills any side", () => {
  for (const grid of GRIDS) {
    assert.equal([...bilinearMatrix({ from: 3, to: 3, grid })], [1, 0, 0, 0, 1, 0, 0, 0, 1]);
    assert.equal([...bilinearMatrix({ from: 1, to: 3, grid })], [1, 1, 1]);
  }
});

for (const [name, create] of [
  ["onnxruntime", () => createOnnxEngine()],
  ["javascript", () => createEagerEngine("cpu")],
] as const)
  test(`${name}: images are those of PyTorch and of TensorFlow 1, larger, smaller and of other proportions`, async () => {
    const file = await golden("inception.safetensors");
    const images = hashedImages("small", [1, 4, 5, 2]);
    const all = (x: tf.Tensor): NamedTensors =>
      Object.fromEntries(
        GRIDS.flatMap((grid) =>
          SIZES.map(([height, width]) => [`${grid}.${height}x${width}`, resizeBilinear(x, { height, width, grid })]),
        ),
      );
    // The identity keeps a result from being the input itself.
    const step = ({ images }: NamedTensors) => all(tf.mul(images!, 1.5));
    const program = await (await create()).compile(step, { name: "resize", inputs: { images } });
    const results = await program.run({ images });
    await program.dispose();
    for (const [key, { shape, data }] of Object.entries(results)) {
      const want = file.images(`resize.${key}`);
      assert.equal(shape, want.shape);
      expectClose(
        data,
        want.data.map((value) => 1.5 * value),
        key,
        { absolute: 3e-7 },
      );
    }
  });

test("its gradient is the transposed map: <resize x, w> = <x, gradient of w>", () => {
  const [x, w] = [normals(1, [2, 4, 3, 2]), normals(2, [2, 5, 7, 2])];
  const resize = (image: tf.Tensor) => resizeBilinear(image, { height: 5, width: 7, grid: "half-pixel" });
  const dot = (a: readonly number[], b: readonly number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  const [gradient] = gradientsOf(resize, w, x);
  expectClose([dot(gradient!, x.values)], [dot(valuesOf(resize, x), w.values)], "both sides", { relative: 1e-5 });
});

test("sides that are not whole pixels are refused", () => {
  for (const [from, to] of [
    [0, 4],
    [4, 0],
    [4, 2.5],
  ] as const)
    assert.throws(() => bilinearMatrix({ from, to, grid: "half-pixel" }), /sides of whole pixels above 0, got/);
});

test.run();
