import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { dense, denseSpec } from "../../lib/nn/dense.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { drawFrom } from "../engine/support/drawing.js";
import { expectClose } from "../support.js";
import { gradientsOf, normals, onCpu, valuesOf } from "./support/eager.js";
import { centralDifferences, denseByLoops, inner, type Numbers } from "./support/loops.js";

const test = suite("nn/dense");

test("a worked example: [1 2] [[1 2 3] [4 5 6]] + [10 20 30] = [19 32 45]", () => {
  const x = { shape: [1, 2], values: [1, 2] };
  const kernel = { shape: [2, 3], values: [1, 2, 3, 4, 5, 6] };
  const bias = { shape: [3], values: [10, 20, 30] };
  assert.equal(
    valuesOf((a, w, b) => dense({ kernel: w!, bias: b! }, a!), x, kernel, bias),
    [19, 32, 45],
  );
  assert.equal(
    valuesOf((a, w) => dense({ kernel: w! }, a!), x, kernel),
    [9, 12, 15],
  );
});

test("leading axes are kept, the last is mapped; gradients are those of the definition", () => {
  const [x, kernel, bias] = [normals(1, [2, 3, 4]), normals(2, [4, 5]), normals(3, [5])];
  const f = (...t: tf.Tensor[]) => dense({ kernel: t[1]!, bias: t[2]! }, t[0]!);
  assert.equal(
    onCpu(() => f(tf.zeros([2, 3, 4]), tf.zeros([4, 5]), tf.zeros([5])).shape),
    [2, 3, 5],
  );
  assert.equal(
    onCpu(() => f(tf.zeros([4]), tf.zeros([4, 5]), tf.zeros([5])).shape),
    [5],
  );
  const at = [x.values, kernel.values, bias.values];
  const loops = (...p: Numbers[]) => denseByLoops(p[0]!, p[1]!, p[2]!);
  expectClose(valuesOf(f, x, kernel, bias), loops(...at), "values", { absolute: 2e-6 });
  const w = normals(4, [2, 3, 5]);
  gradientsOf(f, w, x, kernel, bias).forEach((found, which) => {
    const loss = (p: Numbers) => inner(loops(...at.map((one, i) => (i === which ? p : one))), w.values);
    expectClose(found, centralDifferences(loss, at[which]!), `gradient ${which}`, { relative: 2e-6 });
  });
});

test("the parameters say shape, start and decay", () => {
  assert.equal(denseSpec(3, 5), {
    kernel: { shape: [3, 5], init: { kind: "xavier", fanIn: 3, fanOut: 5 }, decay: true },
    bias: { shape: [5], init: { kind: "zeros" }, decay: false },
  });
  assert.equal(Object.keys(denseSpec(3, 5, { bias: false })), ["kernel"]);
  assert.equal(denseSpec(3, 5, { init: { kind: "normal", std: 0.02 } }).kernel.init, { kind: "normal", std: 0.02 });
});

test("an input of another width fails", () => {
  assert.throws(() => onCpu(() => dense({ kernel: tf.zeros([3, 4]) }, tf.zeros([2, 6]))));
  assert.throws(() => onCpu(() => dense({ kernel: tf.zeros([3, 4]) }, tf.zeros([2, 4]))));
});

test("graph and JavaScript agree, second gradients included", () => {
  const draw = drawFrom(7, "dense");
  return compareEngines("dense", [
    {
      name: "dense",
      operands: [draw.operand([2, 3, 4]), draw.operand([4, 5]), draw.operand([5])],
      f: (x, kernel, bias) => dense({ kernel: kernel!, bias: bias! }, x!),
      gradients: 2,
    },
  ]);
});

test.run();
