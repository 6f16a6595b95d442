import type * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import { batchNorm } from "../../lib/nn/batchNorm.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { given } from "../engine/support/drawing.js";
import { expectClose } from "../support.js";
import { gradientsOf, normals, valuesOf } from "./support/eager.js";
import { centralDifferences, inner, type Numbers } from "./support/loops.js";
import { normByLoops, overBatch } from "./support/norms.js";

const test = suite("nn/batchNorm");

const f = (...t: tf.Tensor[]) => batchNorm({ gain: t[1]!, bias: t[2]! }, t[0]!);

test("a worked example: a channel of 1 in one image and 3 in the other", () => {
  const images = { shape: [2, 1, 1, 2], values: [1, 7, 3, 7] };
  const got = valuesOf(f, images, { shape: [2], values: [2, 5] }, { shape: [2], values: [1, -1] });
  expectClose(got, [-1, -1, 3, -1], "images", { absolute: 2e-5 });
});

const SHAPE = [2, 3, 2, 3] as const;
const [x, gain, bias, w] = [normals(1, SHAPE, 2), normals(2, [3]), normals(3, [3]), normals(4, SHAPE)];

test("values and gradients are those of the definition", () => {
  const at = [x.values, gain.values, bias.values];
  const loops = (...p: Numbers[]) => normByLoops(p[0]!, p[1]!, p[2]!, overBatch(SHAPE));
  expectClose(valuesOf(f, x, gain, bias), loops(...at), "values", { absolute: 3e-6 });
  gradientsOf(f, w, x, gain, bias).forEach((found, which) => {
    const loss = (p: Numbers) => inner(loops(...at.map((one, i) => (i === which ? p : one))), w.values);
    expectClose(found, centralDifferences(loss, at[which]!), `gradient ${which}`, { relative: 1e-5 });
  });
});

test("the graph agrees, to second gradients", () =>
  compareEngines("batch norm", [
    {
      name: "images",
      operands: [x, gain, bias].map(({ values, shape }) => given(values, shape)),
      f: (a, b, c) => f(a!, b!, c!),
      gradients: 2,
      tolerance: { relative: 2e-5 },
    },
  ]));

test.run();
