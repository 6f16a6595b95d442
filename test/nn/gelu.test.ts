import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import { gelu } from "../../lib/nn/gelu.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { given } from "../engine/support/drawing.js";
import { expectClose } from "../support.js";
import { numbersOf, onCpu, valuesOf } from "./support/eager.js";
import { centralDifferences, geluByLoops } from "./support/loops.js";

const test = suite("nn/gelu");

/** Normal distribution function from a printed table (Abramowitz & Stegun, table 26.1). */
const PHI: readonly (readonly [x: number, phi: number])[] = [
  [0, 0.5],
  [0.5, 0.691462461274],
  [1, 0.84134474607],
  [1.5, 0.933192798731],
  [2, 0.977249868052],
  [3, 0.998650101968],
];

const table = PHI.flatMap(([x, phi]) => [
  [x, x * phi],
  [-x, -x * (1 - phi)],
]) as [number, number][];
const xs = { shape: [table.length], values: table.map(([x]) => x) };

test("gelu(x) is x times the tabulated normal distribution function", () => {
  expectClose(
    valuesOf((x) => gelu(x!), xs),
    table.map(([, y]) => y),
    "gelu",
    { absolute: 5e-7 },
  );
});

test("far out it is 0 on the left and x on the right", () => {
  expectClose(
    valuesOf((x) => gelu(x!), { shape: [4], values: [-100, -12, 12, 100] }),
    [0, 0, 12, 100],
    "gelu",
    { absolute: 1e-6 },
  );
});

test("its slope is that of the definition", () => {
  const slopes = onCpu(() => numbersOf(tf.grad((x) => tf.sum(gelu(x)))(tf.tensor1d(xs.values))));
  const wanted = xs.values.flatMap((x) => centralDifferences(([at]) => geluByLoops(at!), [x]));
  expectClose(slopes, wanted, "slope", { absolute: 1e-6 });
});

test("its curvature is (2 - x^2) times the normal density", () => {
  const slope = tf.grad((x: tf.Tensor) => tf.sum(gelu(x)));
  const curvature = onCpu(() => numbersOf(tf.grad((x: tf.Tensor) => tf.sum(slope(x)))(tf.tensor1d(xs.values))));
  const wanted = xs.values.map((x) => ((2 - x * x) * Math.exp(-x * x * 0.5)) / Math.sqrt(2 * Math.PI));
  expectClose(curvature, wanted, "curvature", { absolute: 2e-6 });
});

test("the graph's kernel agrees with the table as well", () =>
  compareEngines("gelu", [
    { name: "table", operands: [given(xs.values)], f: (x) => gelu(x!), gradients: 2, tolerance: { absolute: 2e-6 } },
  ]));

test.run();
