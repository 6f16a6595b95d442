import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { FileError } from "../../lib/errors.js";
import { rngFrom } from "../../lib/random.js";
import { copyTensors } from "../../lib/train/ema.js";
import { Optimizer, type OptimizerOptions } from "../../lib/train/optimizer.js";
import { present } from "../files/support.js";
import { floats } from "../hostTensors.js";
import { expectClose, expectThrow } from "../support.js";

const test = suite("train/optimizer");

const SPECS = {
  kernel: { shape: [2, 2], init: { kind: "zeros" }, decay: true },
  bias: { shape: [2], init: { kind: "zeros" }, decay: false },
} as const;

const OPTIONS = {
  rule: "adamw",
  schedule: (step) => 0.1 / (step + 1),
  beta1: 0.9,
  beta2: 0.99,
  epsilon: 1e-8,
  weightDecay: 0.1,
  clip: 1,
  ema: 0.9,
} as const satisfies OptimizerOptions;

type Change = Partial<Pick<OptimizerOptions, "clip" | "ema" | "weightDecay">>;

const start = (change: Change = {}, options: OptimizerOptions = OPTIONS) =>
  Optimizer.started({ kernel: floats([2, 2], 1, 2, 3, 4), bias: floats([2], 5, 6) }, SPECS, { ...options, ...change });

const ADAFACTOR = {
  ...{ rule: "adafactor", schedule: OPTIONS.schedule, beta1: 0.9, beta2: 0.99, updateClip: 1, weightDecay: 0.1 },
  ...{ clip: 1, ema: 0.9 },
} as const satisfies OptimizerOptions;
const RULES: readonly OptimizerOptions[] = [OPTIONS, ADAFACTOR];

function gradientsAt(step: number): NamedHostTensors {
  const rng = rngFrom(step);
  const draw = (n: number) => Array.from({ length: n }, () => rng.normal());
  return { kernel: floats([2, 2], ...draw(4)), bias: floats([2], ...draw(2)) };
}

function advance(optimizer: Optimizer, from: number, to: number): Optimizer {
  for (let step = from; step < to; step++) optimizer.update(gradientsAt(step), { norm: 2, step });
  return optimizer;
}

const valuesOf = (named: NamedHostTensors) =>
  Object.fromEntries(Object.entries(named).map(([name, { data }]) => [name, [...data]]));
const everythingIn = (optimizer: Optimizer) => ({
  state: valuesOf(optimizer.state("net").tensors),
  weights: valuesOf(optimizer.weights),
});

test("an update takes the schedule's rate of its step", () => {
  const optimizer = start({ weightDecay: 0, ema: 0 });
  optimizer.update({ kernel: floats([2, 2], 1, 1, 1, 1), bias: floats([2], 1, -1) }, { norm: 1, step: 4 });
  expectClose(optimizer.params["bias"]!.data, [5 - 0.02, 6 + 0.02], "bias", { absolute: 1e-6 });
});

test("gradients are clipped by the norm given, or not at all", () => {
  const moment = (clip: number) => {
    const optimizer = start({ clip });
    optimizer.update({ kernel: floats([2, 2], 0, 0, 0, 0), bias: floats([2], 4, 0) }, { norm: 4, step: 0 });
    return optimizer.state("net").tensors["net/first/bias"]!.data[0]!;
  };
  expectClose([moment(1), moment(0), moment(8)], [0.1, 0.4, 0.4], "first moments", { absolute: 1e-7 });
});

test("the weights to use are the moving average, or the parameters where there is none", () => {
  const averaged = start();
  const before = valuesOf(averaged.params);
  advance(averaged, 0, 1);
  const d = 2 / 11;
  const want = before["bias"]!.map((w, i) => d * w + (1 - d) * averaged.params["bias"]!.data[i]!);
  expectClose(averaged.weights["bias"]!.data, want, "average after one update", { absolute: 1e-6 });
  const plain = advance(start({ ema: 0 }), 0, 1);
  assert.is(plain.weights, plain.params);
});

for (const options of RULES)
  for (const ema of [0, 0.9])
    test(`a state of ${options.rule} taken over goes on bit by bit, with an average decay of ${ema}`, () => {
      const straight = advance(start({ ema }, options), 0, 9);
      const first = advance(start({ ema }, options), 0, 4);
      const { tensors, updates } = first.state("net");
      assert.is(updates, 4);
      const saved = { tensors: copyTensors(tensors), updates, weights: copyTensors(first.weights) };
      const second = Optimizer.restored("net", saved, SPECS, { ...options, ema });
      assert.equal(everythingIn(second), everythingIn(first));
      assert.equal(everythingIn(advance(second, 4, 9)), everythingIn(straight));
    });

for (const options of RULES)
  test(`a restored optimizer takes ${options.rule}'s tensors over instead of copying them`, () => {
    const first = advance(start({}, options), 0, 3);
    const [saved, weights] = [first.state("net"), first.weights];
    const second = Optimizer.restored("net", { ...saved, weights }, SPECS, options);
    advance(second, 3, 6);
    const { tensors } = second.state("net");
    for (const [name, { data }] of Object.entries(tensors)) assert.is(data, saved.tensors[name]!.data, name);
    for (const [name, { data }] of Object.entries(second.weights)) assert.is(data, weights[name]!.data, name);
  });

test("replacing a row sets it in parameters and average and forgets its momentum, nobody else's", () => {
  const optimizer = advance(start(), 0, 3);
  const before = everythingIn(optimizer);
  optimizer.replaceRow("kernel", 1, Float32Array.of(7, 8));
  const after = everythingIn(optimizer);
  const [kernel, average, momentum] = [
    after.state["net/params/kernel"]!,
    after.weights["kernel"]!,
    after.state["net/first/kernel"]!,
  ];
  assert.equal(kernel, [...before.state["net/params/kernel"]!.slice(0, 2), 7, 8]);
  assert.equal(average, [...before.weights["kernel"]!.slice(0, 2), 7, 8]);
  assert.equal(momentum, [...before.state["net/first/kernel"]!.slice(0, 2), 0, 0]);
  assert.ok(momentum[0] !== 0);
  for (const name of Object.keys(before.state).filter((key) => key.endsWith("bias")))
    assert.equal(after.state[name], before.state[name], name);
});

test("of adafactor, too, replacing a row forgets its momentum, nobody else's", () => {
  const optimizer = advance(start({}, ADAFACTOR), 0, 3);
  const bytes = () => [...new Int8Array(optimizer.state("net").tensors["net/first/kernel"]!.data.buffer)];
  const before = bytes();
  optimizer.replaceRow("kernel", 1, Float32Array.of(7, 8));
  assert.equal(bytes(), [...before.slice(0, 2), 0, 0]);
  assert.ok(before.every((q) => q !== 0));
  assert.equal([...optimizer.params["kernel"]!.data.slice(2)], [7, 8]);
});

test("a row of no parameter is refused, whatever the rule", () => {
  for (const rule of RULES)
    expectThrow(() => start({}, rule).replaceRow("kernels", 0, Float32Array.of(7, 8)), RangeError, /^kernels /);
});

test("the state of one rule is refused by the other", () => {
  const { tensors, updates } = start({}, ADAFACTOR).state("net");
  expectThrow(
    () => Optimizer.restored("net", { tensors, updates, weights: {} }, SPECS, OPTIONS),
    FileError,
    /want first\/kernel of shape \[2, 2\]/,
  );
});

test("a state that lacks a tensor, or has it in another size, is refused by name", () => {
  const { tensors, updates } = start().state("net");
  const restore = (changed: NamedHostTensors) =>
    Optimizer.restored("net", { tensors: changed, updates, weights: {} }, SPECS, OPTIONS);
  const refused = (changed: NamedHostTensors, pattern: RegExp) =>
    expectThrow(() => restore(changed), FileError, pattern);
  const { "net/second/bias": _, ...rest } = tensors;
  refused(rest, /want second\/bias of shape \[2\], got nothing/);
  refused({ ...tensors, "net/params/kernel": floats([3, 2], 1, 2, 3, 4, 5, 6) }, /want params\/kernel .*got \[3, 2\]/);
  refused({ ...tensors, "net/first/kernel": floats([4, 1], 1, 2, 3, 4) }, /want first\/kernel .*got \[4, 1\]/);
  refused(tensors, /want average\/kernel .*got nothing/); // the averaged weights
  assert.ok(present(tensors["net/second/bias"]));
});

test.run();
