import { suite } from "uvu";
import { expectClose, expectThrow, type Tolerance } from "./support.js";

const test = suite("support");

const [inf, nan] = [Number.POSITIVE_INFINITY, Number.NaN];

function expectApart(got: readonly number[], want: readonly number[], tolerance: Tolerance, message: RegExp): void {
  expectThrow(() => expectClose(got, want, "x", tolerance), Error, message);
}

test("numbers are close within the largest of the tolerances", () => {
  expectClose([1.5, 100], [1, 100], "x", { absolute: 0.5 });
  expectClose([1.5, 100], [1, 100], "x", { relative: 0.005 });
  expectClose([1.5, 150], [1, 100], "x", { each: 0.5 });
  expectClose([-0], [0], "x", {});
  expectApart([1.5, 100], [1, 100], { absolute: 0.4, relative: 0.004 }, /^x: at 0 of 2 got 1.5, want 1: gap 0.5, /);
  expectApart([1.5, 100], [1, 100], {}, /allowed 0$/);
  expectApart([1], [1, 2], { absolute: 9 }, /x: length/);
});

test("of every element by itself, the one furthest beyond is named", () => {
  expectApart([0.002, 101], [0.001, 100], { each: 1e-3 }, /^x: at 0 of 2 got 0.002, .* allowed 0.000001$/);
});

test("what is not finite is close to its like alone", () => {
  expectClose([nan, inf, -inf, 1], [nan, inf, -inf, 1], "x", {});
  for (const want of [nan, inf, -inf])
    for (const got of [0, nan, inf, -inf])
      if (!Object.is(got, want))
        expectApart([1, got], [1, want], { absolute: 1e9, relative: 1, each: 1 }, /^x: at 1 of 2 .* gap Infinity/);
  for (const got of [nan, inf, -inf]) expectApart([got], [2], { absolute: 1e9 }, /^x: at 0 of 1 .* gap Infinity/);
});

test("what is not finite hides no gap of the others", () => {
  expectApart(
    [inf, 2],
    [inf, 1],
    { relative: 0.5 },
    /^x: at 1 of 2 got 2, want 1: gap 1, 1 of the largest; allowed 0.5/,
  );
  expectApart([nan, 2], [nan, 1], { relative: 0.5 }, /^x: at 1 of 2/);
});

test.run();
