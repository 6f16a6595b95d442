import { suite } from "uvu";
import * as assert from "uvu/assert";
import { conv2d } from "../../lib/nn/conv2d.js";
import { nearestUpsample } from "../../lib/nn/upsample.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { given } from "../engine/support/drawing.js";
import { gradientsOf, normals, valuesOf } from "./support/eager.js";
import { imageTranspositions } from "./support/layout.js";

const test = suite("nn/upsample");

const f = nearestUpsample;

test("every pixel of 1 x 2 becomes a square of four", () => {
  const got = valuesOf((x) => f(x!), { shape: [1, 1, 2, 2], values: [1, 10, 2, 20] });
  assert.equal(got, [1, 10, 1, 10, 2, 20, 2, 20, 1, 10, 1, 10, 2, 20, 2, 20]);
});

test("the gradient adds the four up", () => {
  const w = { shape: [1, 2, 4, 1], values: [1, 2, 3, 4, 10, 20, 30, 40] };
  const [found] = gradientsOf((x) => f(x!), w, { shape: [1, 1, 2, 1], values: [5, 6] });
  assert.equal(found, [33, 77]);
});

test("the graph agrees, for plain images and between convolutions", () => {
  const [x, kernel] = [normals(1, [2, 3, 2, 4]), normals(2, [3, 3, 4, 4])];
  const operands = [x, kernel].map(({ values, shape }) => given(values, shape));
  return compareEngines("upsample", [
    { name: "plain", operands: operands.slice(0, 1), f: (images) => f(images!) },
    {
      name: "between convolutions",
      operands,
      f: (images, k) => conv2d({ kernel: k! }, f(conv2d({ kernel: k! }, images!))),
    },
  ]);
});

test("between convolutions it turns no image", () => {
  const inputs = {
    x: { dtype: "float32", shape: [2, 8, 8, 4] },
    kernel: { dtype: "float32", shape: [3, 3, 4, 4] },
  } as const;
  const turned = imageTranspositions(({ x, kernel }) => {
    const params = { kernel: kernel! };
    return { y: conv2d(params, f(conv2d(params, f(conv2d(params, x!))))) };
  }, inputs);
  assert.is(turned, 2, "of the input and of the result");
});

test.run();
