import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { HostTensor } from "../../../lib/engine/types.js";
import { FileError } from "../../../lib/errors.js";
import { exportParams, foreignTensor, importParams, torchKernel } from "../../../lib/models/foreign/params.js";
import { sizeOf } from "../../../lib/shapes.js";
import { expectThrow } from "../../support.js";

const test = suite("models/foreign/params");

const MODEL = {
  model: "a test",
  params: {
    "conv/kernel": torchKernel("conv.weight", [1, 2, 3, 2]),
    "conv/bias": foreignTensor("conv.bias", [2]),
    weights: foreignTensor("lin.weight", [3], [1, 3, 1, 1]),
  },
  leftOut: /^classifier\./,
};

const counting = (...shape: number[]): HostTensor => ({
  dtype: "float32",
  shape,
  data: Float32Array.from({ length: sizeOf(shape) }, (_, i) => i),
});

const GOOD = {
  "conv.weight": counting(2, 3, 1, 2),
  "conv.bias": counting(2),
  "lin.weight": counting(1, 3, 1, 1),
  "classifier.0.weight": counting(7),
};

/** The message of the refusal. */
const refusal = (tensors: Record<string, HostTensor>): string =>
  expectThrow(() => importParams({ what: "some.pth", tensors }, MODEL), FileError).message;

test("names, shapes and the order of axes become ours", () => {
  const made = importParams({ what: "some.pth", tensors: GOOD }, MODEL);
  assert.equal(Object.keys(made), ["conv/kernel", "conv/bias", "weights"]);
  const { shape, data } = made["conv/kernel"]!;
  assert.equal(shape, [1, 2, 3, 2]);
  // There (output, input, tap) is element 6 output + 2 input + tap; here taps come first, outputs last.
  assert.equal([...data], [0, 6, 2, 8, 4, 10, 1, 7, 3, 9, 5, 11]);
  assert.equal(made["weights"], counting(3));
  assert.equal(made["conv/bias"], counting(2));
});

test("everything that does not fit is named in one message", () => {
  const { "conv.bias": _, ...rest } = GOOD;
  const tensors = {
    ...rest,
    "conv.weight": counting(3, 2, 1, 2),
    "extra.weight": counting(1),
    "extra.bias": counting(1),
  };
  assert.is(
    refusal(tensors),
    "some.pth: these are not weights of a test; missing: conv.bias; " +
      "not as wanted: conv.weight (want float32 [2, 3, 1, 2], got float32 [3, 2, 1, 2]); " +
      "unexpected: extra.weight, extra.bias",
  );
});

test("integers are refused", () => {
  const bias: HostTensor = { dtype: "int32", shape: [2], data: Int32Array.of(1, 2) };
  assert.match(refusal({ ...GOOD, "conv.bias": bias }), /conv\.bias \(want float32 \[2\], got int32 \[2\]\)$/);
});

test("our parameters go back to their names, shapes and order; a missing one is named", () => {
  const { "classifier.0.weight": _, ...own } = GOOD;
  const made = importParams({ what: "some.pth", tensors: GOOD }, MODEL);
  assert.equal(exportParams(made, MODEL.params), own);
  const { weights: __, ...less } = made;
  expectThrow(() => exportParams(less, MODEL.params), RangeError, /^parameter weights is missing$/);
});

test.run();
