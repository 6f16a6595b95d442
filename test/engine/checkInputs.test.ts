import { suite } from "uvu";
import * as assert from "uvu/assert";
import { checkInputs, checkStep } from "../../lib/engine/checkInputs.js";
import type { HostTensor, StepOptions, TensorSpec } from "../../lib/engine/types.js";
import { sizeOf } from "../../lib/shapes.js";
import { expectThrow } from "../support.js";

const test = suite("engine/checkInputs");

const floats = (...shape: number[]): HostTensor => ({
  dtype: "float32",
  shape,
  data: new Float32Array(sizeOf(shape)),
});

const cached = {
  name: "vim.step",
  inputs: {
    keys: { dtype: "float32", shape: [2, "t", 4] },
    values: { dtype: "float32", shape: [2, "t", 4] },
    scale: { dtype: "float32", shape: [] },
  },
} satisfies StepOptions;

/** Message of the RangeError that `body` throws. */
const refusal = (body: () => unknown): string => expectThrow(body, RangeError).message;

test("accepts fitting inputs", () => {
  checkInputs(cached, { keys: floats(2, 5, 4), values: floats(2, 5, 4), scale: floats() });
});

test("accepts a string dimension of size 0, as an empty cache has", () => {
  checkInputs(cached, { keys: floats(2, 0, 4), values: floats(2, 0, 4), scale: floats() });
});

test("names a missing input with what was wanted", () => {
  assert.is(
    refusal(() => checkInputs(cached, { keys: floats(2, 5, 4), values: floats(2, 5, 4) })),
    'vim.step: input "scale" is missing; wanted float32 []',
  );
});

test("does not take inherited properties for inputs", () => {
  const spec: TensorSpec = { dtype: "float32", shape: [] };
  const step = { name: "step", inputs: { toString: spec } };
  assert.match(
    refusal(() => checkInputs(step, {})),
    '"toString" is missing',
  );
});

test("names an unknown input and lists the known ones", () => {
  assert.is(
    refusal(() => checkInputs(cached, { kesy: floats(1) })),
    'vim.step: unknown input "kesy"; wanted keys, values, scale',
  );
});

test("refuses another size, another rank and another type, and shows both sides", () => {
  const rest = { values: floats(2, 5, 4), scale: floats() };
  const wants = 'vim.step: input "keys" wants float32 [2, t, 4]';
  assert.is(
    refusal(() => checkInputs(cached, { ...rest, keys: floats(3, 5, 4) })),
    `${wants}, got float32 [3, 5, 4]`,
  );
  assert.is(
    refusal(() => checkInputs(cached, { ...rest, keys: floats(2, 5) })),
    `${wants}, got float32 [2, 5]`,
  );
  const keys: HostTensor = { dtype: "int32", shape: [2, 5, 4], data: new Int32Array(40) };
  assert.is(
    refusal(() => checkInputs(cached, { ...rest, keys })),
    `${wants}, got int32 [2, 5, 4]`,
  );
});

test("refuses two sizes for one string dimension and says which it was", () => {
  assert.is(
    refusal(() => checkInputs(cached, { keys: floats(2, 5, 4), values: floats(2, 6, 4), scale: floats() })),
    'vim.step: input "values" wants float32 [2, t, 4] (t = 5), got float32 [2, 6, 4]',
  );
});

test("refuses data of another length or class than shape and type say", () => {
  const short: HostTensor = { dtype: "float32", shape: [], data: new Float32Array(3) };
  const wrong: HostTensor = { dtype: "float32", shape: [], data: new Int32Array(1) };
  const rest = { keys: floats(2, 5, 4), values: floats(2, 5, 4) };
  assert.match(
    refusal(() => checkInputs(cached, { ...rest, scale: short })),
    "1 elements, but its data has 3",
  );
  assert.match(
    refusal(() => checkInputs(cached, { ...rest, scale: wrong })),
    "wants its data in a Float32Array",
  );
});

test("refuses a step whose constant is also an input, or does not fit its shape, or whose dimensions are no sizes", () => {
  checkStep({ ...cached, constants: { table: floats(3, 4) } });
  assert.match(
    refusal(() => checkStep({ ...cached, constants: { keys: floats(1) } })),
    "both an input and a constant",
  );
  const table: HostTensor = { dtype: "float32", shape: [3], data: new Float32Array(2) };
  assert.match(
    refusal(() => checkStep({ ...cached, constants: { table } })),
    'constant "table" has shape [3]',
  );
  const inputs = { x: { dtype: "float32", shape: [1.5] } } as const;
  assert.match(
    refusal(() => checkStep({ name: "step", inputs })),
    'input "x" wants sizes or names',
  );
});

test.run();
