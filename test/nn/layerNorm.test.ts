import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { ELEMENT } from "../../lib/engine/onnx.js";
import { trace } from "../../lib/engine/traceBackend.js";
import type { Step } from "../../lib/engine/types.js";
import { valueAndGradients } from "../../lib/nn/gradients.js";
import { layerNorm } from "../../lib/nn/layerNorm.js";
import { mapNames } from "../../lib/records.js";
import { compareEngines, HALF } from "../engine/support/compareEngines.js";
import { given } from "../engine/support/drawing.js";
import { expectClose } from "../support.js";
import { gradientsOf, normals, onCpu, valuesOf } from "./support/eager.js";
import { centralDifferences, inner, layerNormByLoops, type Numbers } from "./support/loops.js";

const test = suite("nn/layerNorm");

const f = (...t: tf.Tensor[]) => layerNorm({ gain: t[1]!, bias: t[2]! }, t[0]!);

test("a worked example: 1, 3 has mean 2 and variance 1", () => {
  const root = Math.sqrt(1 + 1e-5);
  const got = valuesOf(
    f,
    { shape: [1, 2], values: [1, 3] },
    { shape: [2], values: [10, 100] },
    { shape: [2], values: [5, 6] },
  );
  expectClose(got, [5 - 10 / root, 6 + 100 / root], "rows", { absolute: 1e-5 });
});

test("a row of equal numbers becomes the bias", () => {
  const got = valuesOf(
    f,
    { shape: [2, 3], values: [4, 4, 4, -1, -1, -1] },
    { shape: [3], values: [1, 2, 3] },
    { shape: [3], values: [7, 8, 9] },
  );
  expectClose(got, [7, 8, 9, 7, 8, 9], "rows", { absolute: 1e-5 });
});

const x = { ...normals(1, [2, 3, 5]), values: normals(1, [2, 3, 5]).values.map((value) => 2 * value + 3) };
const [gain, bias, w] = [normals(2, [5]), normals(3, [5]), normals(4, [2, 3, 5])];

test("values and gradients are those of the definition", () => {
  const at = [x.values, gain.values, bias.values];
  const loops = (...p: Numbers[]) => layerNormByLoops(p[0]!, p[1]!, p[2]!);
  expectClose(valuesOf(f, x, gain, bias), loops(...at), "values", { absolute: 3e-6 });
  gradientsOf(f, w, x, gain, bias).forEach((found, which) => {
    const loss = (p: Numbers) => inner(loops(...at.map((one, i) => (i === which ? p : one))), w.values);
    expectClose(found, centralDifferences(loss, at[which]!), `gradient ${which}`, { relative: 5e-6 });
  });
});

test("the graph's kernel agrees, for inference and for training", () =>
  compareEngines("layer norm", [
    {
      name: "values alone",
      operands: [x, gain, bias].map(({ values, shape }) => given(values, shape)),
      f: (a, b, c) => f(a!, b!, c!),
      gradients: 0,
    },
    {
      name: "with gradients",
      operands: [x, gain, bias].map(({ values, shape }) => given(values, shape)),
      f: (a, b, c) => f(a!, b!, c!),
      tolerance: { relative: 1e-5 },
    },
  ]));

test("in half precision no part of it is float16, and gradients may be large", async () => {
  const step: Step = ({ x, gain, bias }) => {
    const loss = () => ({ loss: tf.sum<tf.Scalar>(f(x!, gain!, bias!)), aux: {} });
    return mapNames(
      valueAndGradients(loss, { x: x!, gain: gain!, bias: bias! }).gradients,
      (name) => `gradient/${name}`,
    );
  };
  const float = (shape: readonly number[]) => ({ dtype: "float32", shape }) as const;
  const inputs = { x: float([4, 300]), gain: float([300]), bias: float([300]) };
  const { nodes } = trace(step, { name: "norm", inputs }, HALF);
  assert.equal(
    nodes.filter(({ op, attributes }) => op === "Cast" && attributes["to"] === BigInt(ELEMENT.float16)),
    [],
  );
  assert.ok(nodes.some(({ op }) => op === "MatMul"));
  const large = {
    name: "beyond what float16 holds",
    operands: [x, gain, bias].map(({ values, shape }) => given(values, shape)),
    f: (a: tf.Tensor, b: tf.Tensor, c: tf.Tensor) => tf.mul(f(a, b, c), 1e6),
    tolerance: { absolute: 0, relative: 1e-5 },
  };
  await compareEngines("layer norm in half precision", [large], "half");
});

test("its gradient refuses to be differentiated again", () => {
  const first = tf.grad((a: tf.Tensor) => tf.sum(tf.square(f(a, tf.ones([5]), tf.zeros([5])))));
  assert.throws(
    () => onCpu(() => tf.grad((a: tf.Tensor) => tf.sum(first(a)))(tf.ones([2, 5]))),
    /differentiated again/,
  );
});

test.run();
