import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { readHostTensors } from "../../lib/files/hostTensors.js";
import "../../lib/engine/lowerings/index.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { stepCost } from "../../lib/engine/stepCost.js";
import { lookup, type QuantizerConfig, quantize, quantizerSpec } from "../../lib/models/quantizer.js";
import { initialise } from "../../lib/nn/params.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { given } from "../engine/support/drawing.js";
import { type Given, normals, numbersOf, onCpu, tensorOf } from "../nn/support/eager.js";
import { expectClose, expectThrow, fixture } from "../support.js";
import { CODEBOOK, EMA, gradients, LATENTS, NORMALIZED, PORT, RESIDUAL } from "./support/quantizers.js";

const test = suite("models/quantizer");

const hostTensor = (named: NamedHostTensors, name: string): tf.Tensor => {
  const { data, shape, dtype } = named[name]!;
  return tf.tensor(data, [...shape], dtype);
};

/** `l2` and `raw` are with and without normalisation, `residual` with several codes. */
for (const [mode, config] of [
  ["l2", PORT],
  ["raw", { ...PORT, l2Norm: false }],
  ["residual3", { ...PORT, codeDepth: 3, residualGradient: "codewords" }],
  ["residual2_raw", { ...PORT, l2Norm: false, codeDepth: 2, residualGradient: "codewords" }],
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
  expectThrow(wrong, RangeError, /latents.*8.*7/);
});

test("a codebook that is averaged has no loss and no gradient, the latents keep theirs", () => {
  const learned = { ...EMA, codebookUpdate: "gradient" } as const;
  const [ema, gradient] = [EMA, learned].map((config) => {
    const losses = onCpu(() => {
      const { loss } = quantize({ codebook: tensorOf(CODEBOOK) }, config, tensorOf(LATENTS));
      return [loss.codebook, loss.commitment].flatMap(numbersOf);
    });
    const all = (found: ReturnType<typeof quantize>) =>
      tf.add(tf.add(found.loss.codebook, found.loss.commitment), tf.sum(tf.square(found.straightThrough)));
    return { losses, ...gradients(config, all, { z: LATENTS, codebook: CODEBOOK }) };
  }) as [{ losses: number[]; z: number[]; codebook: number[] }, { losses: number[]; z: number[]; codebook: number[] }];
  assert.ok(gradient.losses[0]! > 0.1 && gradient.codebook.some((v) => v !== 0));
  assert.equal(ema.losses, [0, gradient.losses[1]]);
  assert.ok(ema.codebook.every((v) => v === 0));
  assert.equal(ema.z, gradient.z);
});

test("codebooks start standard normal, averaged unit ones at about unit length, uniform ones within 1/K", () => {
  const start = (config: QuantizerConfig) => {
    const spec = quantizerSpec({ ...config, codebookSize: 1024, codeDim: 16 });
    return initialise(spec, 1)["codebook"]!.data as Float32Array;
  };
  const rootMeanSquare = (values: Float32Array) => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0) / values.length);
  expectClose([rootMeanSquare(start(PORT))], [1], "normal", { absolute: 0.02 });
  expectClose([rootMeanSquare(start({ ...EMA, l2Norm: false }))], [1], "averaged, raw", { absolute: 0.02 });
  expectClose([rootMeanSquare(start(EMA))], [0.25], "averaged, unit", { absolute: 0.005 });
  const uniform = start({ ...PORT, l2Norm: false, codebookInit: "uniform" });
  expectClose([Math.max(...uniform), Math.min(...uniform)], [1 / 1024, -1 / 1024], "bounds", { relative: 1e-3 });
});

test("the graph agrees: values, codes and gradients of every kind", () => {
  const kinds: Record<string, QuantizerConfig> = {
    "one unit code": NORMALIZED,
    "three unit codes": { ...NORMALIZED, codeDepth: 3 },
    "three unit codes, as in the port": { ...PORT, codeDepth: 3, residualGradient: "codewords" },
    "two raw codes": { ...RESIDUAL, codeDepth: 2 },
    "two raw codes, as in the port": { ...RESIDUAL, codeDepth: 2, residualGradient: "codewords" },
    averaged: EMA,
    "averaged, two raw codes, summed": { ...EMA, l2Norm: false, codeDepth: 2, vqReduction: "sum" },
  };
  const operands = [LATENTS, CODEBOOK].map(({ values, shape }) => given(values, shape));
  const cases = Object.entries(kinds).map(([name, config]) => ({
    name,
    operands,
    f: (z: tf.Tensor, codebook: tf.Tensor) => {
      const { codes, straightThrough, latents, compared, loss } = quantize({ codebook }, config, z);
      const looked = lookup({ codebook }, config, codes);
      return [codes, straightThrough, latents, compared, loss.codebook, loss.commitment, looked];
    },
  }));
  return compareEngines("quantizers", cases);
});

const LARGE: QuantizerConfig = { ...PORT, l2Norm: false, codebookSize: 8192, codeDim: 4 };

test("more latents than are compared at a time get their nearest codes as well", async () => {
  const [z, codebook] = [normals(6, [2, 1030, 4]), normals(7, [8192, 4])];
  const engine = await createOnnxEngine({ threads: 1 });
  const program = await engine.compile(
    (inputs) => ({ codes: quantize({ codebook: inputs["codebook"]! }, LARGE, inputs["z"]!).codes }),
    { name: "codes", inputs: { z: float(z.shape), codebook: float(codebook.shape) } },
  );
  const feed = ({ shape, values }: Given) => ({ dtype: "float32", shape, data: Float32Array.from(values) }) as const;
  const { codes } = await program.run({ z: feed(z), codebook: feed(codebook) });
  await program.dispose();
  assert.equal(codes!.shape, [2, 1030]);
  const squared = (row: number, k: number) => {
    let sum = 0;
    for (let j = 0; j < 4; j++) sum += (z.values[row * 4 + j]! - codebook.values[k * 4 + j]!) ** 2;
    return sum;
  };
  // The first rows, those about the edge at 2048, the last.
  for (const row of [0, 1, 1029, 1030, 2046, 2047, 2048, 2049, 2058, 2059]) {
    let least = Number.POSITIVE_INFINITY;
    for (let k = 0; k < 8192; k++) least = Math.min(least, squared(row, k));
    expectClose([squared(row, codes!.data[row]!)], [least], `row ${row}`, { absolute: 1e-5 });
  }
});

test("the products of a large batch with a large codebook are not all held at one time", () => {
  const peak = (config: QuantizerConfig, [B, N]: [number, number]) => {
    const inputs = { z: float([B, N, config.codeDim]), codebook: float([config.codebookSize, config.codeDim]) };
    const step = (given: Record<string, tf.Tensor>) => ({
      codes: quantize({ codebook: given["codebook"]! }, config, given["z"]!).codes,
    });
    return stepCost(step, { name: "codes", inputs }).peakBytes;
  };
  const MiB = 2 ** 20;
  assert.ok(peak({ ...PORT, codebookSize: 8192, codeDim: 32 }, [8, 1024]) < 72 * MiB); // 256 MiB at once
  assert.ok(peak({ ...LARGE, codebookSize: 16384, codeDim: 256 }, [32, 256]) < 92 * MiB); // 512 MiB at once
});

const float = (shape: readonly number[]) => ({ dtype: "float32", shape }) as const;

test.run();
