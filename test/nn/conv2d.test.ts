import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { conv2d, conv2dSpec } from "../../lib/nn/conv2d.js";
import { expectClose } from "../support.js";
import { convByLoops, type Images } from "./support/convolution.js";
import { gradientsOf, normals, onCpu, valuesOf } from "./support/eager.js";
import { centralDifferences, inner, type Numbers } from "./support/loops.js";

const test = suite("nn/conv2d");

const SHAPE: Images["shape"] = [2, 5, 6, 3];
const [x, kernel, bias] = [normals(1, SHAPE), normals(2, [3, 3, 3, 2]), normals(3, [2])];

const loops = (
  images: Numbers,
  weights: Numbers,
  offsets: Numbers,
  how: { stride: number; before: number; out: [number, number] },
) =>
  convByLoops({ shape: SHAPE, values: images }, { kernel: { shape: [3, 3, 3, 2], values: weights }, ...how }).map(
    (value, i) => value + offsets[i % 2]!,
  );

test("convolutions with every kind of padding and their gradients are those of the definition", () => {
  for (const [options, how] of [
    [{}, { stride: 1, before: 1, out: [5, 6] as [number, number] }],
    [
      { stride: 2, pad: "valid" },
      { stride: 2, before: 0, out: [2, 2] as [number, number] },
    ],
    [
      { stride: 2, pad: 2 },
      { stride: 2, before: 2, out: [4, 4] as [number, number] },
    ],
  ] as const) {
    const what = JSON.stringify(options);
    const f = (...t: tf.Tensor[]) => conv2d({ kernel: t[1]!, bias: t[2]! }, t[0]!, options);
    const at = [x.values, kernel.values, bias.values];
    expectClose(valuesOf(f, x, kernel, bias), loops(at[0]!, at[1]!, at[2]!, how), what, { absolute: 1e-5 });
    const w = normals(4, [2, ...how.out, 2]);
    gradientsOf(f, w, x, kernel, bias).forEach((found, which) => {
      const loss = (p: Numbers) => {
        const [a, b, c] = at.map((one, i) => (i === which ? p : one));
        return inner(loops(a!, b!, c!, how), w.values);
      };
      expectClose(found, centralDifferences(loss, at[which]!), `gradient ${which}, ${what}`, { relative: 2e-6 });
    });
  }
});

test("the parameters say shape, start and decay", () => {
  assert.equal(conv2dSpec({ kernel: 3, from: 4, to: 5 }), {
    kernel: { shape: [3, 3, 4, 5], init: { kind: "xavier", fanIn: 36, fanOut: 45 }, decay: true },
    bias: { shape: [5], init: { kind: "zeros" }, decay: false },
  });
  const bare = conv2dSpec({ kernel: 1, from: 4, to: 5 }, { bias: false, init: { kind: "normal", std: 1 } });
  assert.equal(bare, { kernel: { shape: [1, 1, 4, 5], init: { kind: "normal", std: 1 }, decay: true } });
  const oblong = conv2dSpec({ kernel: [1, 7], from: 4, to: 5 }).kernel;
  assert.equal(oblong, { shape: [1, 7, 4, 5], init: { kind: "xavier", fanIn: 28, fanOut: 35 }, decay: true });
});

test("images with other channels than the kernel's fail", () => {
  assert.throws(() => onCpu(() => conv2d({ kernel: tf.zeros([3, 3, 2, 1]) }, tf.zeros([1, 4, 4, 3]))));
});

test.run();
