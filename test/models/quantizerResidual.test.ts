import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { lookup, type QuantizerConfig, quantize } from "../../lib/models/quantizer.js";
import { normals, numbersOf, onCpu, tensorOf } from "../nn/support/eager.js";
import { rowsOf } from "../nn/support/loops.js";
import { expectClose, expectThrow } from "../support.js";
import { CODEBOOK, gradients, LATENTS, NORMALIZED, RESIDUAL } from "./support/quantizers.js";

const test = suite("models/quantizer, several codes a token");

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

test("a codebook that is averaged gets no gradient from later codes either", () => {
  const port = { ...RESIDUAL, residualGradient: "codewords" } as const;
  const byCodebook = (config: QuantizerConfig) =>
    gradients(config, ({ loss }) => loss.commitment, { z: LATENTS, codebook: CODEBOOK }).codebook!;
  assert.ok(byCodebook(port).some((v) => v !== 0));
  assert.ok(byCodebook({ ...port, codebookUpdate: "ema" }).every((v) => v === 0));
});

test("codes of another depth are refused", () => {
  const wrong = () => onCpu(() => lookup({ codebook: tensorOf(CODEBOOK) }, RESIDUAL, tf.zeros([2, 3, 2], "int32")));
  expectThrow(wrong, RangeError, /codes.*\*, 3\].*\[2, 3, 2\]/);
});

test.run();
