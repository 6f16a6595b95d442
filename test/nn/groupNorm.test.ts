import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { conv2d } from "../../lib/nn/conv2d.js";
import { groupNorm } from "../../lib/nn/groupNorm.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { given } from "../engine/support/drawing.js";
import { expectClose } from "../support.js";
import { type Given, gradientsOf, normals, onCpu, valuesOf } from "./support/eager.js";
import { imageTranspositions } from "./support/layout.js";
import { centralDifferences, inner, type Numbers } from "./support/loops.js";
import { inGroups, normByLoops } from "./support/norms.js";

const test = suite("nn/groupNorm");

const norm =
  (groups: number) =>
  (...t: tf.Tensor[]) =>
    groupNorm({ gain: t[1]!, bias: t[2]! }, t[0]!, { groups });

const shifted = (g: Given): Given => ({ ...g, values: g.values.map((value) => Math.fround(2 * value + 3)) });

test("a worked example: pixels 1, 3 of one group and 10, 10 of another", () => {
  const images = { shape: [1, 1, 2, 2], values: [1, 10, 3, 10] };
  const got = valuesOf(norm(2), images, { shape: [2], values: [2, 5] }, { shape: [2], values: [1, -1] });
  expectClose(got, [-1, -1, 3, -1], "images", { absolute: 1e-5 });
});

const SHAPE = [2, 3, 2, 6] as const;
const [x, gain, bias, w] = [shifted(normals(1, SHAPE)), normals(2, [6]), normals(3, [6]), normals(4, SHAPE)];

for (const groups of [1, 2, 3, 6])
  test(`values and gradients are those of the definition, in ${groups} groups of ${6 / groups}`, () => {
    const at = [x.values, gain.values, bias.values];
    const loops = (...p: Numbers[]) => normByLoops(p[0]!, p[1]!, p[2]!, inGroups(SHAPE, groups));
    expectClose(valuesOf(norm(groups), x, gain, bias), loops(...at), "values", { absolute: 5e-6 });
    gradientsOf(norm(groups), w, x, gain, bias).forEach((found, which) => {
      const loss = (p: Numbers) => inner(loops(...at.map((one, i) => (i === which ? p : one))), w.values);
      expectClose(found, centralDifferences(loss, at[which]!), `gradient ${which}`, { relative: 1e-5 });
    });
  });

test("32 groups and an epsilon of 1e-6 are the defaults", () => {
  const images = normals(5, [1, 2, 2, 64], 1e-3); // so small that epsilon counts
  const unit = { shape: [64], values: Array.from({ length: 64 }, () => 1) };
  const zero = { shape: [64], values: Array.from({ length: 64 }, () => 0) };
  const got = valuesOf((...t) => groupNorm({ gain: t[1]!, bias: t[2]! }, t[0]!), images, unit, zero);
  expectClose(got, normByLoops(images.values, unit.values, zero.values, inGroups([1, 2, 2, 64], 32)), "images", {
    absolute: 1e-5,
  });
});

test("the graph agrees, for plain images and for those a convolution made", () => {
  const operands = [x, gain, bias].map(({ values, shape }) => given(values, shape));
  const kernel = normals(6, [3, 3, 6, 6], 0.3);
  return compareEngines("group norm", [
    { name: "plain", operands, f: norm(3), tolerance: { relative: 1e-5 } },
    {
      name: "between convolutions",
      operands: [...operands, given(kernel.values, kernel.shape)],
      f: (images, g, b, k) => {
        const made = norm(2)(conv2d({ kernel: k! }, images!), g!, b!);
        return tf.add(images!, conv2d({ kernel: k! }, made));
      },
      tolerance: { relative: 2e-5 },
    },
  ]);
});

test("between convolutions it turns no image, forwards or in its gradient by x", () => {
  const inputs = {
    x: { dtype: "float32", shape: [2, 8, 8, 4] },
    kernel: { dtype: "float32", shape: [3, 3, 4, 4] },
    vector: { dtype: "float32", shape: [4] },
  } as const;
  const chain = (times: number) => (images: tf.Tensor, kernel: tf.Tensor, vector: tf.Tensor) => {
    let y = conv2d({ kernel }, images);
    for (let i = 0; i < times; i++) y = conv2d({ kernel }, groupNorm({ gain: vector, bias: vector }, y, { groups: 2 }));
    return y;
  };
  const forward = (times: number) =>
    imageTranspositions((t) => ({ y: chain(times)(t["x"]!, t["kernel"]!, t["vector"]!) }), inputs);
  const byImage = (times: number) =>
    imageTranspositions((t) => {
      const loss = (images: tf.Tensor) => tf.sum(tf.square(chain(times)(images, t["kernel"]!, t["vector"]!)));
      return { g: tf.grad(loss)(t["x"]!) };
    }, inputs);
  assert.is(forward(3), 2, "of the input and of the result");
  assert.is(byImage(3), 2, "of the input and of its gradient");
});

test("channels that the groups do not divide are refused", () => {
  assert.throws(
    () => onCpu(() => norm(4)(tf.zeros([1, 2, 2, 6]), tf.ones([6]), tf.zeros([6]))),
    /group norm: want channels in multiples of 4, got 6/,
  );
});

test("its gradient refuses to be differentiated again", () => {
  const first = tf.grad((a: tf.Tensor) => tf.sum(tf.square(norm(2)(a, tf.ones([4]), tf.zeros([4])))));
  assert.throws(
    () => onCpu(() => tf.grad((a: tf.Tensor) => tf.sum(first(a)))(tf.ones([1, 2, 2, 4]))),
    /differentiated again/,
  );
});

test.run();
