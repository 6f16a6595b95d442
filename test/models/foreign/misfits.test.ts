import { suite } from "uvu";
import * as assert from "uvu/assert";
import { everyMisfit, misfits, someMisfits } from "../../../lib/models/foreign/misfits.js";

const test = suite("models/foreign/misfits");

const WANTED = [
  { name: "kernel", shape: [3, Number.NaN] },
  { name: "bias", shape: [3] },
  { name: "gain", shape: [3] },
];

const floats = (...shape: number[]) => ({ dtype: "float32", shape }) as const;
const GOOD = { kernel: floats(3, 5), bias: floats(3), gain: floats(3) };

test("tensors that are as wanted have no misfits, a size that is not known fitting any", () => {
  const none = misfits({ ...GOOD, "loss.weight": floats(1) }, WANTED, /^loss\./);
  assert.equal(none, { missing: [], unlike: [], unexpected: [] });
  assert.equal([everyMisfit(none), someMisfits(none)], ["", ""]);
});

test("what is missing, of another shape or type, or unexpected is told, one by one or by kind", () => {
  const { gain: _, ...kinds } = { ...GOOD, kernel: floats(2, 5), bias: { dtype: "int32", shape: [3] } as const };
  const found = misfits({ ...kinds, "loss.weight": floats(1) }, WANTED);
  assert.is(
    everyMisfit(found),
    "gain is missing; kernel: want float32 [3, ?], got float32 [2, 5]; bias: want float32 [3], got int32 [3]; " +
      "loss.weight is not of this model",
  );
  assert.is(
    someMisfits(found),
    "missing: gain; not as wanted: kernel (want float32 [3, ?], got float32 [2, 5]), " +
      "bias (want float32 [3], got int32 [3]); unexpected: loss.weight",
  );
});

test("another number of axes does not fit, and names of every object are not there", () => {
  const wanted = [...WANTED, { name: "toString", shape: [1] }];
  assert.is(
    everyMisfit(misfits({ ...GOOD, bias: floats(3, 1) }, wanted)),
    "toString is missing; bias: want float32 [3], got float32 [3, 1]",
  );
});

test("by kind eight are named, one by one all are", () => {
  const kinds = Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`x${i}`, floats(1)]));
  const found = misfits({ ...GOOD, ...kinds }, WANTED);
  assert.is(someMisfits(found), "unexpected: x0, x1, x2, x3, x4, x5, x6, x7 and 3 more");
  assert.match(everyMisfit(found), /x8 is not of this model; x9 is not of this model; x10 is not of this model$/);
});

test.run();
