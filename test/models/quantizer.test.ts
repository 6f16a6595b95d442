import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { readHostTensors } from "../../lib/files/hostTensors.js";
import "../../lib/engine/lowerings/index.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { stepCost } from "../../lib/engine/stepCost.js";
import { lookup, type QuantizerConfig, quantize, quantizerSpec } from "../../lib/models/quantizer.js";
import { valueAndGradients } from "../../lib/nn/gradients.js";
import { initialise } from "../../lib/nn/params.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { given } from "../engine/support/drawing.js";
import { type Given, normals, numbersOf, onCpu, tensorOf } from "../nn/support/eager.js";
import { rowsOf } from "../nn/support/loops.js";
import { expectClose, fixture } from "../support.js";

const test = suite("models/quantizer");

/** As the public port has it; `l2` and `raw` are with and without normalisation, `residual` with several codes. */
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

const LATENTS = normals(1, [2, 3, 8], 2);
const CODEBOOK = normals(2, [16, 8], 3);
const NORMALIZED: QuantizerConfig = { ...PORT, straightThrough: "normalized" };
const RESIDUAL: QuantizerConfig = { ...PORT, l2Norm: false, codeDepth: 3 };
const EMA: QuantizerConfig = { ...NORMALIZED, codebookUpdate: "ema" };

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

test("several codes of a token are found one after the other, each of what is left over, by plain loops", () => {
  const { codes, compared } = onCpu(() => {
    const found = quantize({ codebook: tensorOf(CODEBOOK) }, RESIDUAL, tensorOf(LATENTS));
    assert.equal(
      [found.codes.shape, found.compared.shape, found.latents.shape],
      [
        [2, 3, 3],
        [2, 3, 3, 8],
        [2, 3, 8],
      ],
    );
    return { codes: numbersOf(found.codes), compared: numbersOf(found.compared) };
  });
  const wanted = rowsOf(LATENTS.values, 8).map((z) => residualsOf(z, 3));
  const wantedCodes = wanted.flatMap((each) => each.codes);
  assert.equal(codes, wantedCodes);
  assert.ok(new Set(codes).size > 6, "the latents tell codes apart");
  expectClose(compared, wanted.flatMap((each) => each.residuals).flat(), "compared", { absolute: 1e-5 });
});

/** Residuals and nearest codes of a latent, one code after the other. */
function residualsOf(latent: readonly number[], depth: number) {
  const codebook = rowsOf(CODEBOOK.values, 8);
  const [codes, residuals] = [[] as number[], [] as number[][]];
  let residual = [...latent];
  for (let r = 0; r < depth; r++) {
    const distances = codebook.map((e) => e.reduce((sum, v, j) => sum + (residual[j]! - v) ** 2, 0));
    const code = distances.indexOf(Math.min(...distances));
    codes.push(code);
    residuals.push(residual);
    residual = residual.map((v, j) => v - codebook[code]![j]!);
  }
  return { codes, residuals };
}

test("the losses of several codes pull latents to every partial sum, codewords to their own residuals alone", () => {
  const gradientsOf = (which: "codebook" | "commitment") =>
    gradients(RESIDUAL, ({ loss }) => loss[which], { z: LATENTS, codebook: CODEBOOK });
  const scale = 2 / (3 * LATENTS.values.length); // of a mean of squares, over three codes
  const byLatents = rowsOf(LATENTS.values, 8).map(() => new Array<number>(8).fill(0));
  const byCodebook = rowsOf(CODEBOOK.values, 8).map(() => new Array<number>(8).fill(0));
  rowsOf(LATENTS.values, 8).forEach((latent, row) => {
    const { codes, residuals } = residualsOf(latent, 3);
    codes.forEach((code, r) => {
      for (let j = 0; j < 8; j++) {
        // The next residual is the latent less the partial sum.
        const gap = residuals[r]![j]! - CODEBOOK.values[code * 8 + j]!;
        byLatents[row]![j]! += 0.25 * scale * gap;
        byCodebook[code]![j]! -= scale * gap;
      }
    });
  });
  const [commitment, codebook] = [gradientsOf("commitment"), gradientsOf("codebook")];
  expectClose(commitment.z!, byLatents.flat(), "commitment by latents", { relative: 1e-5 });
  expectClose(codebook.codebook!, byCodebook.flat(), "codebook loss by codebook", { relative: 1e-5 });
  assert.ok([...commitment.codebook!, ...codebook.z!].every((v) => v === 0));
});

/** Gradients of a part of what `quantize` returns. */
function gradients(
  config: QuantizerConfig,
  part: (quantized: ReturnType<typeof quantize>) => tf.Tensor,
  inputs: { z: Given; codebook: Given },
): Record<string, number[]> {
  return onCpu(() => {
    const [z, codebook] = [tensorOf(inputs.z), tensorOf(inputs.codebook)];
    const loss = () => ({ loss: tf.sum(part(quantize({ codebook }, config, z))) as tf.Scalar });
    const found = valueAndGradients(loss, { z, codebook }).gradients;
    return Object.fromEntries(Object.entries(found).map(([name, gradient]) => [name, numbersOf(gradient)]));
  });
}

test("the decoder receives the sum of the codewords that several codes look up", () => {
  for (const config of [RESIDUAL, { ...NORMALIZED, codeDepth: 2 }]) {
    const [received, looked] = onCpu(() => {
      const params = { codebook: tensorOf(CODEBOOK) };
      const { straightThrough, codes } = quantize(params, config, tensorOf(LATENTS));
      return [numbersOf(straightThrough), numbersOf(lookup(params, config, codes))] as const;
    });
    expectClose(received, looked, `depth ${config.codeDepth}`, { absolute: 2e-6 });
    const identity = gradients(config, (found) => found.straightThrough, { z: LATENTS, codebook: CODEBOOK });
    expectClose(identity.z!, new Array(48).fill(1), "gradient by latents", { absolute: 0 });
  }
});

test("each further code leaves less over of latents that spread like the codewords", () => {
  const config = { ...RESIDUAL, codebookSize: 256 };
  const table = { shape: [256, 8], values: [...new Array<number>(8).fill(0), ...normals(3, [255, 8]).values] };
  const errors = [1, 2, 3, 4].map((codeDepth) =>
    onCpu(() => {
      const z = tensorOf(normals(4, [2, 40, 8]));
      const { straightThrough } = quantize({ codebook: tensorOf(table) }, { ...config, codeDepth }, z);
      return numbersOf(tf.mean(tf.square(tf.sub(straightThrough, z))))[0]!;
    }),
  );
  for (let r = 1; r < errors.length; r++) assert.ok(errors[r]! < errors[r - 1]!, errors.join(", "));
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

test("a codebook that is averaged gets no gradient from later codes either", () => {
  const port = { ...RESIDUAL, residualGradient: "codewords" } as const;
  const byCodebook = (config: QuantizerConfig) =>
    gradients(config, ({ loss }) => loss.commitment, { z: LATENTS, codebook: CODEBOOK }).codebook!;
  assert.ok(byCodebook(port).some((v) => v !== 0));
  assert.ok(byCodebook({ ...port, codebookUpdate: "ema" }).every((v) => v === 0));
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

test("codes of another depth are refused", () => {
  const wrong = () => onCpu(() => lookup({ codebook: tensorOf(CODEBOOK) }, RESIDUAL, tf.zeros([2, 3, 2], "int32")));
  assert.throws(
    wrong,
    (error: unknown) => error instanceof RangeError && /codes.*\*, 3\].*\[2, 3, 2\]/.test(error.message),
  );
});

test.run();
