import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import { meanVqLoss, type VqLoss, vqLoss } from "../../lib/losses/vq.js";
import { numbersOf, onCpu } from "../nn/support/eager.js";
import { expectClose } from "../support.js";

const test = suite("losses/vq");

// Two tokens of width 2: differences (0.5, -1) and (0, 2), squares 0.25, 1, 0, 4.
const LATENTS = [1, 0, 0.5, 2];
const CODEWORDS = [0.5, 1, 0.5, 0];
const DIFFERENCES = [0.5, -1, 0, 2];
const ZEROS = [0, 0, 0, 0];

function lossesOf(reduction: "mean" | "sum", commitment: number, which: keyof VqLoss) {
  return onCpu(() => {
    const z = tf.tensor3d(LATENTS, [1, 2, 2]);
    const e = tf.tensor3d(CODEWORDS, [1, 2, 2]);
    const loss = (latents: tf.Tensor, codewords: tf.Tensor) =>
      // 0 * sum keeps both inputs in the graph: tfjs refuses inputs that nothing depends on.
      tf.add(
        vqLoss({ latents, codewords, commitment, reduction })[which],
        tf.mul(0, tf.sum(tf.add(latents, codewords))),
      ) as tf.Scalar;
    const [byLatents, byCodewords] = tf.grads(loss)([z, e]).map(numbersOf) as [number[], number[]];
    return { value: numbersOf(loss(z, e)), byLatents, byCodewords };
  });
}

const exact = { absolute: 1e-7 };

for (const [reduction, factor] of [
  ["mean", 1],
  ["sum", 2],
] as const) {
  test(`${reduction}: the codebook loss pulls the codewords and only them`, () => {
    const { value, byLatents, byCodewords } = lossesOf(reduction, 0.25, "codebook");
    expectClose(value, [(factor * 5.25) / 4], "value", exact);
    expectClose(byLatents, ZEROS, "gradient by latents", exact);
    const want = DIFFERENCES.map((d) => (factor * -2 * d) / 4);
    expectClose(byCodewords, want, "gradient by codewords", exact);
  });

  test(`${reduction}: the commitment loss pulls the latents and only them, weighted by beta`, () => {
    const { value, byLatents, byCodewords } = lossesOf(reduction, 0.25, "commitment");
    expectClose(value, [(0.25 * factor * 5.25) / 4], "value", exact);
    const want = DIFFERENCES.map((d) => (0.25 * factor * 2 * d) / 4);
    expectClose(byLatents, want, "gradient by latents", exact);
    expectClose(byCodewords, ZEROS, "gradient by codewords", exact);
  });
}

test("the losses of several codes are averaged each for itself", () => {
  const found = onCpu(() => {
    const loss = (codebook: number, commitment: number): VqLoss => ({
      codebook: tf.scalar(codebook),
      commitment: tf.scalar(commitment),
    });
    const { codebook, commitment } = meanVqLoss([loss(1, 10), loss(2, 20), loss(6, 0)]);
    return [codebook, commitment].flatMap(numbersOf);
  });
  expectClose(found, [3, 10], "means", exact);
});

test.run();
