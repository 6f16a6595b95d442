import { readFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import { l1Loss, l2Loss } from "../../lib/losses/pixel.js";
import { numbersOf, onCpu } from "../nn/support/eager.js";
import { expectClose, fixture } from "../support.js";

const test = suite("losses/pixel");

const A = [0, 0.5, 1, -1];
const B = [0.5, 0.25, 0, 1];

for (const [name, loss, value, gradient] of [
  ["l2", l2Loss, (0.25 + 0.0625 + 1 + 4) / 4, [-0.25, 0.125, 0.5, -1]],
  ["l1", l1Loss, (0.5 + 0.25 + 1 + 2) / 4, [-0.25, 0.25, 0.25, -0.25]],
] as const)
  test(`${name} of four pixels and its gradient by each, worked by hand`, () => {
    const got = onCpu(() => {
      const b = tf.tensor4d(B, [1, 2, 2, 1]);
      const a = tf.tensor4d(A, [1, 2, 2, 1]);
      return { value: loss(a, b).dataSync(), gradient: numbersOf(tf.grad((x: tf.Tensor) => loss(x, b))(a)) };
    });
    expectClose(got.value, [value], "value", { absolute: 1e-7 });
    expectClose(got.gradient, gradient, "gradient", { absolute: 1e-7 });
  });

type GoldenRecon = Readonly<
  Record<"inputs" | "reconstructions", number[]> &
    Record<"loglaplace_ie_mean_abs" | "loggaussian_ie_mean_square", number>
>;

test("both are the reference's, under its names of densities", async () => {
  const { recon } = JSON.parse(await readFile(fixture("golden", "losses.json"), "utf8")) as { recon: GoldenRecon };
  const got = onCpu(() => {
    const [images, made] = [tf.tensor1d(recon.inputs), tf.tensor1d(recon.reconstructions)];
    return [l1Loss(made, images), l2Loss(made, images)].flatMap(numbersOf);
  });
  const want = [recon.loglaplace_ie_mean_abs, recon.loggaussian_ie_mean_square];
  expectClose(got, want, "l1 and l2", { relative: 2e-7 });
});

test.run();
