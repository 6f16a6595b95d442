import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { readHostTensors } from "../../lib/files/hostTensors.js";
import { lookup, type QuantizerConfig, quantize } from "../../lib/models/quantizer.js";
import { normals, numbersOf, onCpu, tensorOf } from "../nn/support/eager.js";
import { expectClose, fixture } from "../support.js";

const test = suite("models/quantizer");

/** As the public port has it; its `l2` and `raw` are with and without normalisation. */
const PORT: QuantizerConfig = {
  codebookSize: 16,
  codeDim: 8,
  l2Norm: true,
  commitment: 0.25,
  straightThrough: "raw",
  vqReduction: "mean",
};

const hostTensor = (named: NamedHostTensors, name: string): tf.Tensor => {
  const { data, shape, dtype } = named[name]!;
  return tf.tensor(data, [...shape], dtype);
};

for (const [mode, config] of [
  ["l2", PORT],
  ["raw", { ...PORT, l2Norm: false }],
] as const)
  test(`mode ${mode}: codes, quantized latents, loss and gradients are the reference's`, async () => {
    const { tensors } = await readHostTensors(fixture("golden", "quantizers.safetensors"));
    const want = (name: string) => tensors[`${mode}.${name}`]!.data;
    const got = onCpu(() => {
      const [z, codebook] = [hostTensor(tensors, "in.z"), hostTensor(tensors, "in.codebook")];
      const upstream = hostTensor(tensors, "in.upstream");
      const { codes, straightThrough, loss } = quantize({ codebook }, config, z);
      const objective = (latents: tf.Tensor, table: tf.Tensor) => {
        const quantized = quantize({ codebook: table }, config, latents);
        const vq = tf.add(quantized.loss.codebook, quantized.loss.commitment);
        return tf.add(tf.sum(tf.mul(quantized.straightThrough, upstream)), vq) as tf.Scalar;
      };
      const gradients = tf.grads(objective)([z, codebook]).map(numbersOf);
      return {
        codes: numbersOf(codes),
        quantized: numbersOf(straightThrough),
        loss: numbersOf(tf.add(loss.codebook, loss.commitment)),
        gradients,
      };
    });
    assert.equal(got.codes, [...want("out.codes")]);
    expectClose(got.quantized, want("out.z_q"), "quantized", { relative: 1e-5 });
    expectClose(got.loss, want("out.loss"), "loss", { relative: 1e-5 });
    expectClose(got.gradients[0]!, want("grad.z"), "gradient by latents", { relative: 1e-5 });
    expectClose(got.gradients[1]!, want("grad.codebook"), "gradient by codebook", { relative: 1e-5 });
  });

const LATENTS = normals(1, [2, 3, 8], 2);
const CODEBOOK = normals(2, [16, 8], 3);
const NORMALIZED: QuantizerConfig = { ...PORT, straightThrough: "normalized" };

test("what the decoder receives is what the codes look up, at unit length", () => {
  for (const config of [PORT, NORMALIZED]) {
    const { received, looked } = onCpu(() => {
      const params = { codebook: tensorOf(CODEBOOK) };
      const { straightThrough, codes } = quantize(params, config, tensorOf(LATENTS));
      return { received: numbersOf(straightThrough), looked: numbersOf(lookup(params, config, codes)) };
    });
    expectClose(received, looked, config.straightThrough, { absolute: 1e-6 });
    for (let row = 0; row < 6; row++) {
      const length = Math.hypot(...looked.slice(row * 8, (row + 1) * 8));
      expectClose([length], [1], `length of row ${row}`, { absolute: 1e-6 });
    }
  }
});

test("the code is that of the nearest codeword, found by plain loops", () => {
  const config = { ...PORT, l2Norm: false };
  const codes = onCpu(() => numbersOf(quantize({ codebook: tensorOf(CODEBOOK) }, config, tensorOf(LATENTS)).codes));
  const row = (values: readonly number[], i: number) => values.slice(i * 8, (i + 1) * 8);
  const squared = (a: readonly number[], b: readonly number[]) => a.reduce((sum, v, i) => sum + (v - b[i]!) ** 2, 0);
  const nearest = Array.from({ length: 6 }, (_, i) => {
    const distances = Array.from({ length: 16 }, (_, k) => squared(row(LATENTS.values, i), row(CODEBOOK.values, k)));
    return distances.indexOf(Math.min(...distances));
  });
  assert.equal(codes, nearest);
});

test("of equally near codewords the first is taken", () => {
  const twice = { shape: [16, 8], values: [...CODEBOOK.values.slice(0, 64), ...CODEBOOK.values.slice(0, 64)] };
  const codes = onCpu(() => numbersOf(quantize({ codebook: tensorOf(twice) }, PORT, tensorOf(LATENTS)).codes));
  assert.ok(
    codes.every((code) => code < 8),
    String(codes),
  );
});

/** Gradient of sum(straightThrough * upstream) by the latents. */
function straightThroughGradient(config: QuantizerConfig): number[] {
  return onCpu(() => {
    const upstream = tensorOf(normals(5, [2, 3, 8]));
    const objective = (z: tf.Tensor) =>
      tf.sum(tf.mul(quantize({ codebook: tensorOf(CODEBOOK) }, config, z).straightThrough, upstream)) as tf.Scalar;
    return numbersOf(tf.grad(objective)(tensorOf(LATENTS)));
  });
}

test("straight through raw latents is the identity going back", () => {
  expectClose(straightThroughGradient(PORT), normals(5, [2, 3, 8]).values, "gradient", { absolute: 1e-6 });
});

test("straight through normalized latents turns through the normalisation: no gradient along a latent", () => {
  const gradient = straightThroughGradient(NORMALIZED);
  for (let row = 0; row < 6; row++) {
    const [g, z] = [gradient, LATENTS.values].map((all) => all.slice(row * 8, (row + 1) * 8)) as [number[], number[]];
    const [along, length] = [g.reduce((sum, v, i) => sum + v * z[i]!, 0), Math.hypot(...g) * Math.hypot(...z)];
    assert.ok(length > 0.1);
    expectClose([along / length], [0], `cosine of row ${row}`, { absolute: 1e-6 });
  }
});

test("latents of another width are refused", () => {
  const wrong = () => onCpu(() => quantize({ codebook: tensorOf(CODEBOOK) }, PORT, tensorOf(normals(1, [2, 3, 7]))));
  assert.throws(wrong, (error: unknown) => error instanceof RangeError && /latents.*8.*7/.test(error.message));
});

test.run();
