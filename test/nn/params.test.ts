import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { countParameters, flattenSpecs, initialise, type ParamSpec, paramTree } from "../../lib/nn/params.js";
import { onCpu } from "./support/eager.js";

const test = suite("nn/params");

const spec = (shape: number[], init: ParamSpec["init"] = { kind: "normal", std: 0.02 }): ParamSpec => ({
  shape,
  init,
  decay: true,
});

const model = {
  embed: spec([10, 4]),
  blocks: [{ up: { kernel: spec([4, 8]) } }, { up: { kernel: spec([4, 8]) } }],
  scale: spec([], { kind: "ones" }),
};

test("the path of a leaf is its name, list positions included", () => {
  assert.equal(Object.keys(flattenSpecs(model)), ["embed", "blocks/0/up/kernel", "blocks/1/up/kernel", "scale"]);
  assert.equal(Object.keys(flattenSpecs(model, "encoder")).at(1), "encoder/blocks/0/up/kernel");
  assert.equal(Object.keys(flattenSpecs(spec([1]), "lone")), ["lone"]);
});

test("the tree gives each tensor back at its path", () => {
  onCpu(() => {
    const named = Object.fromEntries(
      Object.entries(flattenSpecs(model, "m")).map(([name, { shape }]) => [name, tf.zeros([...shape])]),
    );
    const tree = paramTree(model, named, "m");
    assert.is(tree.embed, named["m/embed"]);
    assert.is(tree.blocks[1]!.up.kernel, named["m/blocks/1/up/kernel"]);
    assert.is(tree.scale, named["m/scale"]);
    assert.ok(Array.isArray(tree.blocks));
    delete named["m/blocks/1/up/kernel"];
    assert.throws(
      () => paramTree(model, named, "m"),
      (error: unknown) =>
        error instanceof RangeError && /parameter m\/blocks\/1\/up\/kernel is missing/.test(error.message),
    );
  });
});

test("scalars are counted over all leaves", () => {
  assert.is(countParameters(flattenSpecs(model)), 40 + 32 + 32 + 1);
  assert.is(countParameters({}), 0);
});

const statistics = (data: ArrayLike<number>) => {
  const values = Array.from(data);
  const mean = values.reduce((a, b) => a + b, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  return { mean, std: Math.sqrt(variance), largest: Math.max(...values.map(Math.abs)) };
};

test("initial values have the statistics their kind promises", () => {
  const found = initialise(
    {
      zeros: spec([3, 2], { kind: "zeros" }),
      ones: spec([3], { kind: "ones" }),
      ramp: spec([5], { kind: "ramp" }),
      point: spec([1], { kind: "ramp" }),
      normal: spec([200, 100], { kind: "normal", std: 0.02 }),
      shifted: spec([200, 100], { kind: "normal", std: 0.02, mean: 1 }),
      uniform: spec([200, 100], { kind: "uniform", bound: 0.3 }),
      xavier: spec([200, 100], { kind: "xavier", fanIn: 200, fanOut: 100 }),
    },
    1,
  );
  assert.equal([...found["zeros"]!.data], [0, 0, 0, 0, 0, 0]);
  assert.equal([...found["ones"]!.data], [1, 1, 1]);
  assert.equal([[...found["ramp"]!.data], [...found["point"]!.data]], [[0, 0.25, 0.5, 0.75, 1], [0]]);
  assert.equal([found["normal"]!.shape, found["normal"]!.dtype], [[200, 100], "float32"]);
  const normal = statistics(found["normal"]!.data);
  assert.ok(Math.abs(normal.mean) < 4 * (0.02 / Math.sqrt(20_000)), `mean ${normal.mean}`);
  assert.ok(Math.abs(normal.std / 0.02 - 1) < 0.02, `std ${normal.std}`);
  assert.ok(normal.largest > 0.06 && normal.largest < 0.12, `largest ${normal.largest}`);
  const shifted = statistics(found["shifted"]!.data);
  assert.ok(Math.abs(shifted.mean - 1) < 4 * (0.02 / Math.sqrt(20_000)), `mean ${shifted.mean}`);
  assert.ok(Math.abs(shifted.std / 0.02 - 1) < 0.02, `std ${shifted.std}`);
  const uniform = statistics(found["uniform"]!.data);
  assert.ok(Math.abs(uniform.std / (0.3 / Math.sqrt(3)) - 1) < 0.02, `std ${uniform.std}`);
  assert.ok(uniform.largest <= 0.3 && uniform.largest > 0.297, `largest ${uniform.largest}`);
  const bound = Math.sqrt(6 / 300);
  const xavier = statistics(found["xavier"]!.data);
  assert.ok(Math.abs(xavier.mean) < 4 * (bound / Math.sqrt(3 * 20_000)), `mean ${xavier.mean}`);
  assert.ok(Math.abs(xavier.std / (bound / Math.sqrt(3)) - 1) < 0.02, `std ${xavier.std}`);
  assert.ok(xavier.largest <= bound && xavier.largest > 0.99 * bound, `largest ${xavier.largest}`);
});

test("a parameter's values depend on seed and name alone", () => {
  const { a, b } = { a: spec([5]), b: spec([5]) };
  const base = initialise({ a, b }, 3);
  assert.equal(initialise({ a, b }, 3), base);
  assert.equal(initialise({ b, more: spec([9]), a }, 3)["a"], base["a"]);
  assert.not.equal(base["a"]!.data, base["b"]!.data);
  assert.not.equal(initialise({ a, b }, 4)["a"]!.data, base["a"]!.data);
});

test.run();
