import { suite } from "uvu";
import * as assert from "uvu/assert";
import { conv2d } from "../../lib/nn/conv2d.js";
import { dense } from "../../lib/nn/dense.js";
import { equalisedConv2d, equalisedConv2dSpec, equalisedDense, equalisedDenseSpec } from "../../lib/nn/equalised.js";
import { expectClose } from "../support.js";
import { normals, valuesOf } from "./support/eager.js";

const test = suite("nn/equalised");

const leaky = (x: number) => (x > 0 ? x : 0.2 * x);

test("a convolution's weights are divided by the root of kernel area times input channels, its bias is not", () => {
  const [x, w, bias] = [normals(1, [2, 5, 4, 3]), normals(2, [3, 3, 3, 2]), normals(3, [2])];
  const scaled = { ...w, values: w.values.map((value) => value / Math.sqrt(27)) };
  const plain = valuesOf((a, b, c) => conv2d({ kernel: b!, bias: c! }, a!), x, scaled, bias);
  const got = valuesOf((a, b, c) => equalisedConv2d({ kernel: b!, bias: c! }, a!), x, w, bias);
  expectClose(got, plain, "values", { absolute: 1e-6 });
  const activated = valuesOf(
    (a, b, c) => equalisedConv2d({ kernel: b!, bias: c! }, a!, { activation: "leakyRelu", gain: Math.SQRT2 }),
    x,
    w,
    bias,
  );
  expectClose(
    activated,
    plain.map((value) => Math.SQRT2 * leaky(value)),
    "activated",
    { absolute: 1e-6 },
  );
});

test("a linear map's weights are divided by the root of its width", () => {
  const [x, w, bias] = [normals(4, [3, 5]), normals(5, [5, 2]), normals(6, [2])];
  const scaled = { ...w, values: w.values.map((value) => value / Math.sqrt(5)) };
  const plain = valuesOf((a, b, c) => dense({ kernel: b!, bias: c! }, a!), x, scaled, bias);
  const f = (gain?: number) =>
    valuesOf(
      (a, b, c) => equalisedDense({ kernel: b!, bias: c! }, a!, gain ? { activation: "leakyRelu", gain } : {}),
      x,
      w,
      bias,
    );
  expectClose(f(), plain, "values", { absolute: 1e-6 });
  expectClose(
    f(3),
    plain.map((value) => 3 * leaky(value)),
    "activated",
    { absolute: 2e-6 },
  );
});

test("weights start from a standard normal, biases from zero", () => {
  const { kernel, bias } = equalisedConv2dSpec({ kernel: 3, from: 2, to: 4 });
  assert.equal(kernel, { shape: [3, 3, 2, 4], init: { kind: "normal", std: 1 }, decay: true });
  assert.equal(bias, { shape: [4], init: { kind: "zeros" }, decay: false });
  assert.equal(equalisedConv2dSpec({ kernel: 1, from: 2, to: 4 }, { bias: false }).bias, undefined);
  assert.equal(equalisedDenseSpec(6, 4).kernel, { shape: [6, 4], init: { kind: "normal", std: 1 }, decay: true });
});

test.run();
