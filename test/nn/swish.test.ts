import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import { swish } from "../../lib/nn/swish.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { given } from "../engine/support/drawing.js";
import { expectClose } from "../support.js";
import { numbersOf, onCpu, valuesOf } from "./support/eager.js";
import { centralDifferences } from "./support/loops.js";

const test = suite("nn/swish");

const definition = (x: number) => x / (1 + Math.exp(-x));
const xs = { shape: [9], values: [-20, -3, -1.5, -0.5, 0, 0.5, 1.5, 3, 20] };

test("swish(x) is x / (1 + exp(-x)); at 1 it is 0.7310586", () => {
  const f = (x: tf.Tensor | undefined) => swish(x!);
  expectClose(valuesOf(f, { shape: [1], values: [1] }), [0.7310586], "at 1", { absolute: 1e-6 });
  expectClose(valuesOf(f, xs), xs.values.map(definition), "swish", { absolute: 2e-6 });
});

test("its slope and its curvature are those of the definition", () => {
  const slope = tf.grad((x: tf.Tensor) => tf.sum(swish(x)));
  const curvature = tf.grad((x: tf.Tensor) => tf.sum(slope(x)));
  const slopeOf = (at: number) => centralDifferences(([x]) => definition(x!), [at])[0]!;
  const at = () => tf.tensor1d(xs.values);
  expectClose(
    onCpu(() => numbersOf(slope(at()))),
    xs.values.map(slopeOf),
    "slope",
    { absolute: 1e-6 },
  );
  const curvatures = xs.values.flatMap((x) => centralDifferences(([p]) => slopeOf(p!), [x], 1e-3));
  expectClose(
    onCpu(() => numbersOf(curvature(at()))),
    curvatures,
    "curvature",
    { absolute: 1e-5 },
  );
});

test("the graph agrees, to second gradients", () =>
  compareEngines("swish", [
    { name: "values", operands: [given(xs.values)], f: (x) => swish(x!), gradients: 2, tolerance: { absolute: 2e-6 } },
  ]));

test.run();
