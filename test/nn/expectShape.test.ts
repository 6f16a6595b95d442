import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { expectShape } from "../../lib/nn/expectShape.js";
import { onCpu } from "./support/eager.js";

const test = suite("nn/expectShape");

const check = (shape: number[], wanted: readonly (number | null)[]) => () =>
  onCpu(() => expectShape("layer: x", tf.zeros(shape), wanted));

test("accepts the shape, and any size where null stands", () => {
  check([2, 3], [2, 3])();
  check([2, 3], [null, 3])();
  check([7, 3], [null, null])();
  check([], [])();
});

test("refuses another size or rank with a RangeError that names place, wanted and given shape", () => {
  for (const [shape, wanted, message] of [
    [[2, 4], [null, 3], "layer: x: want [*, 3], got [2, 4]"],
    [[2], [2, 3], "layer: x: want [2, 3], got [2]"],
    [[2, 3, 1], [null, 3], "layer: x: want [*, 3], got [2, 3, 1]"],
    [[], [1], "layer: x: want [1], got []"],
  ] as const)
    assert.throws(
      check([...shape], wanted),
      (error: unknown) => error instanceof RangeError && error.message === message,
      message,
    );
});

test.run();
