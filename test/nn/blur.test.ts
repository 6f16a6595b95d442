import { suite } from "uvu";
import * as assert from "uvu/assert";
import { blur } from "../../lib/nn/blur.js";
import { type Case, compareEngines } from "../engine/support/compareEngines.js";
import { drawFrom } from "../engine/support/drawing.js";
import { expectClose } from "../support.js";
import { convByLoops, type Images } from "./support/convolution.js";
import { gradientsOf, normals, onCpu, tensorOf, valuesOf } from "./support/eager.js";
import { centralDifferences, inner } from "./support/loops.js";

const test = suite("nn/blur");

const WEIGHTS = [1, 3, 3, 1];

/** One channel at a time. */
function byLoops({ shape, values }: Images, { pad, stride }: { pad: number; stride: number }): number[] {
  const [B, H, W, C] = shape;
  const out = [H, W].map((size) => Math.floor((size + 2 * pad - 4) / stride) + 1) as [number, number];
  const kernel = WEIGHTS.flatMap((a) => WEIGHTS.map((b) => (a * b) / 64));
  const channels = Array.from({ length: C }, (_, c) =>
    convByLoops(
      { shape: [B, H, W, 1], values: values.filter((_, i) => i % C === c) },
      { kernel: { shape: [4, 4, 1, 1], values: kernel }, stride, before: pad, out },
    ),
  );
  return channels[0]!.flatMap((_, i) => channels.map((channel) => channel[i]!));
}

const HOW = [
  { pad: 2, stride: 1 },
  { pad: 1, stride: 2 },
  { pad: 1, stride: 1 },
  { pad: 0, stride: 2 },
] as const;

test("one bright pixel becomes the outer product of [1 3 3 1] with itself, over 64", () => {
  const values = Array.from({ length: 49 }, (_, i) => (i === 24 ? 64 : 0));
  const blurred = valuesOf((x) => blur(x!, { pad: 0 }), { shape: [1, 7, 7, 1], values });
  assert.equal(
    blurred,
    WEIGHTS.flatMap((a) => WEIGHTS.map((b) => a * b)),
  );
});

test("values and gradients are those of the definition, channel by channel, at both strides and odd sizes", () => {
  for (const how of HOW) {
    const x = normals(how.pad, [2, 6, 5, 2]);
    const images = (values: readonly number[]): Images => ({ shape: [2, 6, 5, 2], values });
    const what = JSON.stringify(how);
    const wanted = byLoops(images(x.values), how);
    expectClose(
      valuesOf((t) => blur(t!, how), x),
      wanted,
      what,
      { absolute: 1e-6 },
    );
    const shape = onCpu(() => blur(tensorOf(x), how).shape);
    const w = normals(9, shape);
    const slopes = centralDifferences((values) => inner(byLoops(images(values), how), w.values), x.values);
    expectClose(gradientsOf((t) => blur(t!, how), w, x)[0]!, slopes, `gradient, ${what}`, { absolute: 1e-6 });
  }
});

test("graph and JavaScript agree, second gradients of something curved included", () => {
  const draw = drawFrom(2, "blur");
  const cases = HOW.map(
    (how): Case => ({
      name: JSON.stringify(how),
      operands: [draw.operand([2, 7, 6, 3])],
      f: (x) => {
        const y = blur(x!.square(), how);
        return y.square();
      },
      gradients: 2,
      tolerance: { relative: 1e-5, absolute: 1e-5 },
    }),
  );
  return compareEngines("blur", cases);
});

test.run();
