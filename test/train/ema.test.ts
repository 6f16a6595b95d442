import { suite } from "uvu";
import * as assert from "uvu/assert";
import { copyTensors, emaDecayAt, emaUpdate } from "../../lib/train/ema.js";
import { floats } from "../hostTensors.js";
import { expectClose } from "../support.js";

const test = suite("train/ema");

test("an update moves the average by its share towards the parameters, which stay", () => {
  const [average, params] = [{ w: floats([2], 1, -1) }, { w: floats([2], 3, 0) }];
  emaUpdate(average, params, 0.75);
  assert.equal([...average.w.data], [1.5, -0.75]);
  assert.equal([...params.w.data], [3, 0]);
});

test("a copy shares nothing with what it was copied from", () => {
  const params = { w: floats([2], 1, 2) };
  const copy = copyTensors(params);
  params.w.data[0] = 9;
  assert.equal([...copy["w"]!.data], [1, 2]);
});

test("the decay rises to its limit", () => {
  const decays = [1, 2, 10, 1000, 10_000].map((update) => emaDecayAt(update, 0.999));
  expectClose(decays, [2 / 11, 3 / 12, 11 / 20, 1001 / 1010, 0.999], "decays", { absolute: 1e-12 });
});

test("a parameter that the average lacks is named", () => {
  assert.throws(() => emaUpdate({}, { w: floats([1], 1) }, 0.5), /w is missing/);
});

test.run();
