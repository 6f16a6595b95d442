import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { VIM_SIZES } from "../../lib/models/sizes.js";
import { vimSpec } from "../../lib/models/vim.js";
import { countParameters, flattenSpecs } from "../../lib/nn/params.js";
import { rngFrom } from "../../lib/random.js";
import { sizeOf } from "../../lib/shapes.js";
import { type AdafactorOptions, adafactorCost, adafactorRule, secondDecayAt } from "../../lib/train/adafactor.js";
import { adamWCost, adamWRule } from "../../lib/train/adamW.js";
import { BLOCK } from "../../lib/train/int8Blocks.js";
import type { UpdateRule } from "../../lib/train/updateRule.js";
import { floats } from "../hostTensors.js";
import { expectClose, expectThrow } from "../support.js";

const test = suite("train/adafactor");

const OPTIONS: AdafactorOptions = { beta1: 0.9, beta2: 0.96, updateClip: 1, weightDecay: 0.1 };
const specOf = (shape: readonly number[], decay = true) => ({ shape, init: { kind: "zeros" }, decay }) as const;

function normal(shape: readonly number[], seed: number) {
  const rng = rngFrom(seed);
  return { ...floats([...shape]), data: Float32Array.from({ length: sizeOf(shape) }, () => rng.normal()) };
}

/** A parameter `w` of that shape with its rule. */
function start(shape: readonly number[], change: Partial<AdafactorOptions> = {}, decay = true) {
  const params = { w: normal(shape, 99) };
  return { params, rule: adafactorRule(params, { w: specOf(shape, decay) }, { ...OPTIONS, ...change }) };
}

const part = ({ state }: UpdateRule, name: string) => state[name]!["w"]!;

/** The first moment as it is stored, of a parameter with rows of this width. */
function firstOf(rule: UpdateRule, width: number): number[] {
  const [packed, scales] = [part(rule, "first").data, part(rule, "scales")];
  const values = new Int8Array(packed.buffer, 0, part(rule, "rows").data.length * width);
  const blocks = scales.shape[1]!;
  return Array.from(
    values,
    (q, k) => q * scales.data[Math.floor(k / width) * blocks + Math.floor((k % width) / BLOCK)]!,
  );
}

type Case = AdafactorOptions & { rate: number; step: number; decay: boolean };
type Plain = { w: number[]; rows: number[]; columns: number[]; v: number[] };

/** Algorithms 4 and 5 as they stand, with sums, then momentum and decay; returns the new first moment. */
function plainUpdate(plain: Plain, shape: readonly number[], g: number[], first: number[], options: Case): number[] {
  const [n, m] = [sizeOf(shape.slice(0, -1)), shape.at(-1)!];
  const { rate, step, decay } = options;
  const b2 = secondDecayAt(step, options.beta2);
  const square = (k: number) => g[k]! * g[k]! + 1e-30;
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let j = 0; j < m; j++) sum += square(i * m + j);
    plain.rows[i] = b2 * plain.rows[i]! + (1 - b2) * sum;
  }
  for (let j = 0; j < m; j++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += square(i * m + j);
    plain.columns[j] = b2 * plain.columns[j]! + (1 - b2) * sum;
  }
  for (let k = 0; k < g.length; k++) plain.v[k] = b2 * plain.v[k]! + (1 - b2) * square(k);
  const all = plain.rows.reduce((a, b) => a + b);
  const u = g.map((one, k) => {
    const factored = (plain.rows[Math.floor(k / m)]! * plain.columns[k % m]!) / all;
    return one / Math.sqrt(shape.length === 1 ? plain.v[k]! : factored);
  });
  const rms = Math.sqrt(u.reduce((a, b) => a + b * b, 0) / u.length);
  const clipped = u.map((one) => one / Math.max(1, options.updateClip ? rms / options.updateClip : 0));
  const moment = clipped.map((one, k) => options.beta1 * first[k]! + (1 - options.beta1) * one);
  const corrected = moment.map((one) => one / (1 - options.beta1 ** step));
  plain.w = plain.w.map((one, k) => one - rate * (corrected[k]! + (decay ? options.weightDecay : 0) * one));
  return moment;
}

const CASE: Case = {
  ...OPTIONS,
  rate: 0.05,
  step: 1,
  decay: true,
};

const CASES: readonly (readonly [number[], Partial<Case>])[] = [
  [[7, 5], {}],
  [[3, 300], { updateClip: 0.5 }],
  [[2, 3, 4, 6], { beta2: "power" }],
  [[150], { updateClip: 0 }],
  [[4, 9], { decay: false, beta1: 0 }],
];
for (const [shape, change] of CASES)
  test(`updates of [${shape}] with ${JSON.stringify(change)} are those of plain loops in double precision`, () => {
    const options = { ...CASE, ...change };
    const { params, rule } = start(shape, change, options.decay);
    const [count, width] = [sizeOf(shape), shape.at(-1)!];
    const zeros = (length: number) => new Array<number>(length).fill(0);
    const plain = { w: [...params.w.data], rows: zeros(count / width), columns: zeros(width), v: zeros(count) };
    for (let step = 1; step <= 6; step++) {
      const gradient = normal(shape, step);
      gradient.data.forEach((g, k) => {
        gradient.data[k] = g * (1 + (k % 3)) * step;
      });
      const before = firstOf(rule, width);
      rule.update({ w: gradient }, { rate: options.rate, gradientScale: 0.25, step });
      const g = Array.from(gradient.data, (one) => 0.25 * one);
      const moment = plainUpdate(plain, shape, g, before, { ...options, step });
      expectClose(params.w.data, plain.w, `weights after ${step}`, { absolute: 1e-6 });
      const scale = Math.max(...part(rule, "scales").data);
      expectClose(firstOf(rule, width), moment, `first moment after ${step}`, { absolute: 0.51 * scale });
    }
  });

/** Moves equal weights by both rules, Adam without momentum, decay and epsilon, and compares. */
function expectAdam(shape: readonly number[], gradientAt: (step: number) => Float32Array): void {
  const { params, rule } = start(shape, { beta1: 0, updateClip: 0, weightDecay: 0 });
  const others = { w: { ...params.w, data: params.w.data.slice() } };
  const adam = adamWRule(others, { w: specOf(shape) }, { beta1: 0, beta2: 0.96, epsilon: 0, weightDecay: 0 });
  for (let step = 1; step <= 5; step++) {
    const gradients: NamedHostTensors = { w: { dtype: "float32", shape, data: gradientAt(step) } };
    for (const one of [rule, adam]) one.update(gradients, { rate: 0.1, gradientScale: 1, step });
    expectClose(params.w.data, others.w.data, `weights after ${step}`, { absolute: 1e-6 });
  }
}

test("where g^2 is of rank one, a factored second moment is the whole one: the weights are Adam's", () => {
  const [a, b, signs] = [normal([6], 1).data, normal([9], 2).data, normal([6, 9], 3).data];
  expectAdam([6, 9], (step) => signs.map((sign, k) => Math.sign(sign) * a[Math.floor(k / 9)]! * b[k % 9]! * step ** 2));
});

test("of vectors and scalars, whatever the gradients, the weights are Adam's", () => {
  expectAdam([40], (step) => normal([40], step).data);
  expectAdam([], (step) => normal([], step).data);
});

test("rounding leaves the first moment within half a scale over 1 - beta1 of an exact one", () => {
  const shape = [4, 200];
  const { rule } = start(shape, { updateClip: 0, beta2: 0 }); // u is g over its own factored size
  let exact = new Array<number>(800).fill(0);
  let [worst, scale] = [0, 0];
  const one = { updateClip: 0, beta2: 0 };
  for (let step = 1; step <= 100; step++) {
    const gradient = normal(shape, step);
    rule.update({ w: gradient }, { rate: 0, gradientScale: 1, step });
    const plain = {
      w: [],
      rows: [0, 0, 0, 0],
      columns: new Array<number>(200).fill(0),
      v: new Array<number>(800).fill(0),
    };
    exact = plainUpdate(plain, shape, [...gradient.data], exact, { ...CASE, ...one, step });
    scale = Math.max(scale, ...part(rule, "scales").data);
    worst = firstOf(rule, 200).reduce((gap, m, k) => Math.max(gap, Math.abs(m - exact[k]!)), worst);
  }
  assert.ok(worst > 0 && worst < (0.5 * scale) / (1 - OPTIONS.beta1), `${worst} with scales up to ${scale}`);
});

test("decays of the second moment: constant ones average all g^2 alike at first, a power rises to 1", () => {
  expectClose(
    [1, 2, 3].map((t) => secondDecayAt(t, 0.96)),
    [0, 0.96 / 1.96, 0.96 * (1.96 / 2.8816)],
    "constant",
    {
      absolute: 1e-12,
    },
  );
  expectClose([secondDecayAt(10_000, 0.96)], [0.96], "late", { absolute: 1e-12 });
  expectClose(
    [1, 32, 1e5].map((t) => secondDecayAt(t, "power")),
    [0, 1 - 1 / 16, 1 - 1e-4],
    "power",
    { absolute: 1e-12 },
  );
});

test("an update of many times the size before is shortened to a root mean square of d", () => {
  const stepOf = (updateClip: number) => {
    const { params, rule } = start([8, 8], { beta1: 0, weightDecay: 0, updateClip });
    for (let step = 1; step < 40; step++) rule.update({ w: normal([8, 8], step) }, { rate: 0, gradientScale: 1, step });
    const before = params.w.data.slice();
    rule.update({ w: normal([8, 8], 40) }, { rate: 1, gradientScale: 100, step: 40 });
    return Math.sqrt(before.reduce((sum, w, k) => sum + (w - params.w.data[k]!) ** 2, 0) / 64);
  };
  expectClose([stepOf(1), stepOf(0.3)], [1, 0.3], "root mean squares", { relative: 1e-6 });
  assert.ok(stepOf(0) > 4, `${stepOf(0)} without clipping`);
});

test("gradients of zero, in a row or in all of them, move nothing but the decay", () => {
  const { params, rule } = start([3, 4]);
  const before = [...params.w.data];
  for (let step = 1; step <= 400; step++) {
    const gradient = floats([3, 4], 0, 0, 0, 0, ...(step < 200 ? normal([8], step).data : new Float32Array(8)));
    rule.update({ w: gradient }, { rate: 0.01, gradientScale: 1, step });
  }
  const kept = (1 - 0.001) ** 400;
  expectClose(
    params.w.data.slice(0, 4),
    before.slice(0, 4).map((w) => w * kept),
    "the row",
    { absolute: 1e-5 },
  );
  assert.ok(params.w.data.every(Number.isFinite));
  assert.ok(Object.values(rule.state).every(({ w }) => [...w!.data].every(Number.isFinite)));
  const still = start([3, 4], { weightDecay: 0 });
  const place = [...still.params.w.data];
  still.rule.update({ w: floats([3, 4], ...new Float32Array(12)) }, { rate: 1, gradientScale: 1, step: 1 });
  assert.equal([...still.params.w.data], place);
});

test("forgetting part of a parameter sets its first moment to 0, and no other", () => {
  const { rule } = start([3, 4]);
  rule.update({ w: normal([3, 4], 1) }, { rate: 0.1, gradientScale: 1, step: 1 });
  const before = firstOf(rule, 4);
  rule.forget("w", 4, 8);
  assert.equal(firstOf(rule, 4), [...before.slice(0, 4), 0, 0, 0, 0, ...before.slice(8)]);
});

test("the bytes foretold are those kept: of VIM-Base an eighth of AdamW's", () => {
  const grid = [8, 8] as const;
  const model = { grid, vocabulary: 100, classes: 3, positions: "rowcol" } as const;
  const specs = flattenSpecs(vimSpec({ ...model, dim: 20, depth: 2, heads: 2, mlpDim: 300 }));
  const params = Object.fromEntries(Object.entries(specs).map(([name, { shape }]) => [name, normal(shape, 1)]));
  const bytesOf = ({ state }: UpdateRule) =>
    Object.values(state).reduce(
      (sum, named) => Object.values(named).reduce((inner, { data }) => inner + data.byteLength, sum),
      0,
    );
  assert.is(adafactorCost(specs, OPTIONS).stateBytes, bytesOf(adafactorRule(params, specs, OPTIONS)));
  const adamW = { beta1: 0.9, beta2: 0.96, epsilon: 1e-8, weightDecay: 0 };
  assert.is(adamWCost(countParameters(specs)).stateBytes, bytesOf(adamWRule(params, specs, adamW)));
  const base = flattenSpecs(vimSpec({ ...VIM_SIZES.base, ...model, grid: [32, 32], vocabulary: 8192, classes: 1000 }));
  const share = adafactorCost(base, OPTIONS).stateBytes / adamWCost(countParameters(base)).stateBytes;
  assert.ok(share > 1 / 8 && share < 0.13, `${share}`);
  assert.ok(adafactorCost(base, { updateClip: 0 }).movedBytes < adafactorCost(base, OPTIONS).movedBytes);
});

test("a missing gradient is named", () => {
  const { rule } = start([2, 2]);
  expectThrow(() => rule.update({}, { rate: 1, gradientScale: 1, step: 1 }), RangeError, /w is missing/);
});

test.run();
