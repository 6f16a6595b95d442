import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { r1Penalty } from "../../lib/losses/r1.js";
import { type DiscriminatorConfig, discriminate, discriminatorSpec } from "../../lib/models/styleganDiscriminator.js";
import { valueAndGradients } from "../../lib/nn/gradients.js";
import { flattenSpecs, initialise, paramTree } from "../../lib/nn/params.js";
import { rngFrom } from "../../lib/random.js";
import { normals, numbersOf, onCpu, tensorOf } from "../nn/support/eager.js";
import { inner } from "../nn/support/loops.js";
import { expectClose } from "../support.js";

const test = suite("losses/r1");

test("of a linear discriminator w x it is gamma/2 |w|^2, its gradient gamma w", () => {
  const w = normals(1, [12]);
  const x = normals(2, [3, 2, 2, 3]);
  const found = onCpu(() => {
    const weights = tensorOf(w);
    const linear = (images: tf.Tensor) => tf.sum(tf.mul(tf.reshape(images, [3, 12]), weights), 1);
    const { loss, gradients } = valueAndGradients(() => ({ loss: r1Penalty(linear, tensorOf(x), 10) }), { weights });
    return [numbersOf(loss), numbersOf(gradients["weights"]!)] as const;
  });
  expectClose(found[0], [5 * inner(w.values, w.values)], "penalty", { relative: 1e-6 });
  expectClose(
    found[1],
    w.values.map((value) => 10 * value),
    "gradient",
    { relative: 1e-6 },
  );
});

test("it grows with gamma and does not depend on how often the batch repeats", () => {
  const penalty = (gamma: number, copies: number) =>
    onCpu(() => {
      const x = tf.concat(Array.from({ length: copies }, () => tensorOf(normals(3, [2, 3, 3, 1]))));
      return numbersOf(r1Penalty((images) => tf.sum(tf.square(images), [1, 2, 3]), x, gamma))[0]!;
    });
  assert.ok(penalty(1, 1) > 0);
  expectClose([penalty(10, 1), penalty(1, 3)], [10 * penalty(1, 1), penalty(1, 1)], "penalty", { relative: 1e-6 });
});

const CONFIG: DiscriminatorConfig = { imageSize: 8, channels: 1, channelScale: 1 / 1024, maxChannels: 4 };
const SPEC = discriminatorSpec(CONFIG);

test("its gradients by the weights of a small discriminator are the central differences", () => {
  const named = initialise(flattenSpecs(SPEC), 7);
  const rng = rngFrom(8);
  // Biases away from zero, so that no activation sits on the kink.
  const start = Object.fromEntries(
    Object.entries(named).map(([name, { shape, data }]) => [
      name,
      { shape, values: Array.from(data, (value) => Math.fround(value + 0.3 * rng.normal())) },
    ]),
  );
  const images = normals(9, [2, 8, 8, 1]);
  const tensors = () => Object.fromEntries(Object.entries(start).map(([name, given]) => [name, tensorOf(given)]));
  const penalty = (params: Record<string, tf.Tensor>) =>
    r1Penalty((x) => discriminate(paramTree(SPEC, params), CONFIG, x), tensorOf(images), 1000);
  const gradients = onCpu(() => {
    const params = tensors();
    const found = valueAndGradients(() => ({ loss: penalty(params) }), params).gradients;
    return Object.fromEntries(Object.entries(found).map(([name, tensor]) => [name, numbersOf(tensor)]));
  });
  const step = 1e-4; // the penalty jumps where an activation meets its kink: small steps meet none
  const kernels = Object.entries(start).filter(([name]) => name.endsWith("kernel"));
  for (const [name, given] of kernels) {
    const direction = given.values.map(() => rng.normal());
    const moved = (sign: number) =>
      onCpu(() => {
        const values = given.values.map((value, i) => value + sign * step * direction[i]!);
        return numbersOf(penalty({ ...tensors(), [name]: tensorOf({ ...given, values }) }))[0]!;
      });
    const difference = (moved(1) - moved(-1)) / (2 * step);
    const slope = inner(gradients[name]!, direction);
    expectClose([slope], [difference], name, { relative: 1e-2, absolute: 2e-3 });
  }
  assert.ok(gradients["blocks/0/conv1/kernel"]!.some((value) => Math.abs(value) > 0.1));
});

test.run();
