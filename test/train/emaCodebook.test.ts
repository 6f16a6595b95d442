import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { HostTensor } from "../../lib/engine/types.js";
import { FileError } from "../../lib/errors.js";
import { type QuantizerConfig, quantize } from "../../lib/models/quantizer.js";
import { tokenizerOf } from "../../lib/models/tokenizer.js";
import { flattenSpecs, initialise } from "../../lib/nn/params.js";
import { rngFrom } from "../../lib/random.js";
import { globalNorm } from "../../lib/train/adamW.js";
import { copyTensors } from "../../lib/train/ema.js";
import { EMA_CODEBOOK, EmaCodebook, type EmaCodebookOptions } from "../../lib/train/emaCodebook.js";
import { GRADIENT, MODEL, scalarOf, underPrefix, withPrefix } from "../../lib/train/named.js";
import { Optimizer } from "../../lib/train/optimizer.js";
import { compilePlan, tokenizerPlan } from "../../lib/train/plans.js";
import { floats, normalFloats } from "../hostTensors.js";
import { onCpu } from "../nn/support/eager.js";
import { rowsOf } from "../nn/support/loops.js";
import { expectClose, expectThrow } from "../support.js";
import { BATCH, engine, imagesOf, OPTIMIZER, TASK } from "./support.js";

const test = suite("train/emaCodebook");

const [SIZE, DIM] = [6, 4];
const CODEBOOK = "quantizer/codebook";

/** Ten latents of a step, and codes 0..4 for them: 5 is never chosen. */
const latentsOf = (step: number) => normalFloats([10, DIM], 100 + step);
function codesOf(step: number): HostTensor {
  const rng = rngFrom(200 + step);
  return { dtype: "int32", shape: [2, 5], data: Int32Array.from({ length: 10 }, () => rng.integer(SIZE - 1)) };
}

/** An optimizer with an average, and the averages of its codebook. */
function start(options: Partial<EmaCodebookOptions> = {}, { seed = 3, codebook = normalFloats([SIZE, DIM], 1) } = {}) {
  const specs = { [CODEBOOK]: { shape: codebook.shape, init: { kind: "zeros" }, decay: false } } as const;
  const optimizer = Optimizer.started(copyTensors({ [CODEBOOK]: codebook }), specs, OPTIMIZER);
  const averages = new EmaCodebook({ ...EMA_CODEBOOK, ...options }, optimizer.params[CODEBOOK]!, seed);
  return { optimizer, averages };
}

type Started = ReturnType<typeof start>;

const codebookOf = (optimizer: Optimizer) => rowsOf([...optimizer.params[CODEBOOK]!.data], DIM);

/** Updates of steps `from`..`to - 1`; how many codes each moved. */
function advance({ optimizer, averages }: Started, from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) =>
    averages.update(optimizer, codesOf(from + i), latentsOf(from + i), from + i),
  );
}

/** The definition once more, code by code in doubles. */
function naive(steps: number, { decay, epsilon }: EmaCodebookOptions) {
  const codes = rowsOf([...normalFloats([SIZE, DIM], 1).data], DIM).map((e) => ({ size: 1, sum: [...e] }));
  for (let step = 0; step < steps; step++) {
    const latents = rowsOf([...latentsOf(step).data], DIM);
    const chosen = [...codesOf(step).data];
    codes.forEach((code, i) => {
      const own = latents.filter((_, row) => chosen[row] === i);
      code.size = decay * code.size + (1 - decay) * own.length;
      code.sum = code.sum.map((m, j) => decay * m + (1 - decay) * own.reduce((sum, z) => sum + z[j]!, 0));
    });
  }
  const total = codes.reduce((sum, { size }) => sum + size, 0);
  return codes.map(({ size, sum }) => {
    const smoothed = ((size + epsilon) / (total + SIZE * epsilon)) * total;
    return sum.map((m) => m / smoothed);
  });
}

for (const options of [EMA_CODEBOOK, { decay: 0.7, epsilon: 0.3, restartBelow: 0 }])
  test(`decay ${options.decay}, epsilon ${options.epsilon}: the codebook is that of the definition after several steps`, () => {
    const started = start(options);
    assert.equal(advance(started, 0, 7), new Array(7).fill(0));
    expectClose(codebookOf(started.optimizer).flat(), naive(7, options).flat(), "codebook", { relative: 2e-6 });
  });

test("one step by hand: sizes, sums, smoothing", () => {
  const { optimizer, averages } = start({ decay: 0.5, epsilon: 0.1 }, { codebook: floats([2, 1], 4, -2) });
  averages.update(
    optimizer,
    { dtype: "int32", shape: [1, 3], data: Int32Array.of(0, 0, 0) },
    floats([1, 3, 1], 1, 2, 6),
    0,
  );
  // Sizes 0.5 + 1.5 and 0.5, sums 2 + 4.5 and -1; smoothed (2.1 / 2.7) 2.5 and (0.6 / 2.7) 2.5.
  expectClose(averages.state()["sizes"]!.data, [2, 0.5], "sizes", { absolute: 1e-7 });
  expectClose(averages.state()["sums"]!.data, [6.5, -1], "sums", { absolute: 1e-7 });
  const want = [(6.5 * 2.7) / 2.1 / 2.5, (-1 * 2.7) / 0.6 / 2.5];
  expectClose(optimizer.params[CODEBOOK]!.data, want, "codebook", { relative: 1e-6 });
});

test("every latent counts where thousands choose one code: small steps are not lost in a large sum", () => {
  const { optimizer, averages } = start({}, { codebook: floats([2, 1], 1, 1) });
  const count = 200_000;
  const codes: HostTensor = { dtype: "int32", shape: [1, count], data: new Int32Array(count) };
  const latents: HostTensor = { dtype: "float32", shape: [1, count, 1], data: new Float32Array(count).fill(3) };
  for (let step = 0; step < 3; step++) averages.update(optimizer, codes, latents, step);
  const left = 0.99 ** 3;
  expectClose([averages.state()["sizes"]!.data[0]!], [left + (1 - left) * count], "size", { relative: 1e-6 });
});

test("a code that nothing chooses fades, and in the end is exactly zero", () => {
  const { optimizer, averages } = start({ decay: 0.5 });
  const lengths: number[] = [];
  for (let step = 0; step < 90; step++) {
    averages.update(optimizer, codesOf(step), latentsOf(step), step);
    lengths.push(Math.hypot(...codebookOf(optimizer)[5]!));
  }
  expectClose([lengths[3]!], [Math.hypot(...rowsOf([...normalFloats([SIZE, DIM], 1).data], DIM)[5]!)], "at first", {
    relative: 1e-3,
  });
  assert.equal([lengths[89], averages.state()["sizes"]!.data[5]], [0, 0]);
  assert.ok(optimizer.params[CODEBOOK]!.data.every(Number.isFinite));
});

/** Three groups of `each` points about well separated centres, and the means of the groups. */
function clusters(each: number) {
  const centres = [
    [6, 0, 0, 0],
    [0, 6, 0, 0],
    [0, 0, -6, 6],
  ];
  const noise = rowsOf([...normalFloats([3 * each, DIM], 9).data], DIM);
  const points = noise.map((row, i) => row.map((v, j) => Math.fround(centres[i % 3]![j]! + 0.5 * v)));
  const means = (of: (p: readonly number[]) => readonly number[]) =>
    centres.map((_, c) => {
      const own = points.filter((_, i) => i % 3 === c).map(of);
      return own[0]!.map((_, j) => own.reduce((sum, p) => sum + p[j]!, 0) / own.length);
    });
  return { latents: floats([1, 3 * each, DIM], ...points.flat()), means };
}

const QUANTIZER: QuantizerConfig = {
  codebookSize: 3,
  codeDim: DIM,
  l2Norm: false,
  commitment: 0.25,
  straightThrough: "raw",
  vqReduction: "mean",
  codebookUpdate: "ema",
};

/** Lets the quantizer choose and the averages follow; the codebook and the codes of the last step. */
function follow(started: Started, config: QuantizerConfig, { latents, steps }: { latents: HostTensor; steps: number }) {
  let last: ArrayLike<number> = [];
  for (let step = 0; step < steps; step++) {
    const { codes, compared } = onCpu(() => {
      const codebook = tf.tensor2d(started.optimizer.params[CODEBOOK]!.data, [config.codebookSize, DIM]);
      const found = quantize({ codebook }, config, tf.tensor(latents.data, [...latents.shape]));
      const host = ({ shape, dtype }: tf.Tensor, data: HostTensor["data"]) =>
        ({ dtype, shape, data: data.slice() }) as HostTensor;
      return {
        codes: host(found.codes, found.codes.dataSync() as Int32Array),
        compared: host(found.compared, found.compared.dataSync() as Float32Array),
      };
    });
    last = codes.data;
    started.averages.update(started.optimizer, codes, compared, step);
  }
  return { codebook: codebookOf(started.optimizer), codes: [...Array.from(last)] };
}

/** Requires code c of group g to be one permutation, and each codeword to be the mean of its group. */
function expectMeans({ codebook, codes }: ReturnType<typeof follow>, means: readonly (readonly number[])[]): void {
  const owner = means.map((_, g) => codes[g]!);
  assert.is(new Set(owner).size, means.length, `codes of the groups: ${owner.join(", ")}`);
  codes.forEach((code, i) => {
    assert.is(code, owner[i % means.length]);
  });
  means.forEach((mean, g) => {
    expectClose(codebook[owner[g]!]!, mean, `mean of group ${g}`, { absolute: 1e-3 });
  });
}

const NEAR = floats([3, DIM], 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1);

test("codes find the means of three clusters", () => {
  const { latents, means } = clusters(20);
  const started = start({ decay: 0.9 }, { codebook: NEAR });
  expectMeans(
    follow(started, QUANTIZER, { latents, steps: 120 }),
    means((p) => p),
  );
});

test("normalised codes find the means of the directions of three clusters", () => {
  const { latents, means } = clusters(20);
  const started = start({ decay: 0.9 }, { codebook: NEAR });
  const found = follow(started, { ...QUANTIZER, l2Norm: true }, { latents, steps: 120 });
  const unit = (p: readonly number[]) => p.map((v) => v / Math.hypot(...p));
  expectMeans(found, means(unit));
});

/** One code lies where all latents find it, the others out of reach. */
const FAR = floats([3, DIM], 0, 0, 0, 0, 50, 50, 50, 50, -50, 50, 50, -50);

test("codes out of reach stay dead without restart, and find clusters with it", () => {
  const { latents, means } = clusters(20);
  const lost = follow(start({ decay: 0.9 }, { codebook: FAR }), QUANTIZER, { latents, steps: 40 });
  assert.equal([...new Set(lost.codes)], [0]);
  // Two codes that share a cluster have 10 latents or fewer each: one of them moves on.
  const started = start({ decay: 0.9, restartBelow: 12 }, { codebook: FAR });
  expectMeans(
    follow(started, QUANTIZER, { latents, steps: 200 }),
    means((p) => p),
  );
});

test("only codes below the size are moved, each onto a latent of the batch, and so are their averages", () => {
  const started = start({ decay: 0.5, restartBelow: 0.3 });
  assert.equal(advance(started, 0, 1), [0], "code 5 has size 0.5");
  const sizes = [...started.averages.state()["sizes"]!.data];
  const chosen = [...codesOf(1).data];
  const dead = sizes.flatMap((size, i) => (0.5 * size + 0.5 * chosen.filter((c) => c === i).length < 0.3 ? [i] : []));
  assert.ok(dead.includes(5) && dead.length < SIZE);
  assert.equal(advance(started, 1, 2), [dead.length]);
  const latents = rowsOf([...latentsOf(1).data], DIM);
  const lies = (row: readonly number[]) => latents.some((z) => z.every((v, j) => v === row[j]));
  codebookOf(started.optimizer).forEach((row, i) => {
    assert.is(lies(row), dead.includes(i), `code ${i}`);
  });
  assert.ok(lies(rowsOf([...started.optimizer.weights[CODEBOOK]!.data], DIM)[5]!), "the average moves along");
  const { sizes: after, sums } = started.averages.state();
  expectClose([after!.data[5]!], [0.3], "size", { relative: 1e-6 });
  const want = codebookOf(started.optimizer)[5]!.map((v) => 0.3 * v);
  expectClose(rowsOf([...sums!.data], DIM)[5]!, want, "sum", { relative: 1e-6 });
});

test("the same seed moves codes to the same latents, another to others; so does another step", () => {
  const moved = (seed: number, step: number) => {
    const { optimizer, averages } = start({ restartBelow: 1 }, { seed });
    averages.update(optimizer, codesOf(0), latentsOf(0), step);
    return codebookOf(optimizer);
  };
  assert.equal(moved(3, 4), moved(3, 4));
  assert.not.equal(moved(3, 4), moved(4, 4));
  assert.not.equal(moved(3, 4), moved(3, 5));
});

test("a state taken over goes on as if nothing had happened", () => {
  const options = { decay: 0.8, restartBelow: 0.5 };
  const [straight, first, second] = [start(options), start(options), start(options)];
  const moved = advance(straight, 0, 8);
  assert.ok(moved.slice(4).some((count) => count > 0));
  advance(first, 0, 4);
  second.averages.restore(copyTensors(first.averages.state()));
  second.optimizer.params[CODEBOOK]!.data.set(first.optimizer.params[CODEBOOK]!.data);
  assert.equal(advance(second, 4, 8), moved.slice(4));
  assert.equal(codebookOf(second.optimizer), codebookOf(straight.optimizer));
  assert.equal(second.averages.state(), straight.averages.state());
});

test("several codes a token: every residual counts for its code", () => {
  const codes: HostTensor = { dtype: "int32", shape: [1, 2, 2], data: Int32Array.of(0, 1, 1, 0) };
  const compared = floats([1, 2, 2, 1], 1, 10, 20, 3);
  const { optimizer, averages } = start({ decay: 0 }, { codebook: floats([2, 1], 0, 0) });
  averages.update(optimizer, codes, compared, 0);
  expectClose(optimizer.params[CODEBOOK]!.data, [2, 15], "means", { relative: 1e-5 });
});

test("the step trains the rest of the tokenizer and leaves the codebook to the averages", async () => {
  const task = { ...TASK, model: { ...TASK.model, codebookUpdate: "ema" } } as const;
  const program = await compilePlan(
    await engine(),
    tokenizerPlan(task, { quantized: true, adversarial: false }, BATCH),
  );
  const specs = flattenSpecs(tokenizerOf(task.model).spec);
  const optimizer = Optimizer.started(initialise(specs, 1), specs, OPTIMIZER);
  const averages = new EmaCodebook({ ...EMA_CODEBOOK, restartBelow: 0.1 }, optimizer.params[CODEBOOK]!, 1);
  const losses: number[] = [];
  for (let step = 0; step < 60; step++) {
    const images = { dtype: "float32", shape: [BATCH, 8, 8, 1], data: imagesOf(step % 4) } as const;
    const found = await program.run({ ...withPrefix(MODEL, optimizer.params), images });
    const gradients = underPrefix(GRADIENT + MODEL, found);
    assert.ok(gradients[CODEBOOK]!.data.every((v) => v === 0));
    assert.is(scalarOf(found, "codebook"), 0);
    const before = optimizer.params[CODEBOOK]!.data.slice();
    optimizer.update(gradients, { norm: globalNorm(gradients), step });
    assert.equal(optimizer.params[CODEBOOK]!.data, before, "the optimizer does not move it");
    averages.update(optimizer, found["codes"]!, found["latents"]!, step);
    assert.not.equal(optimizer.params[CODEBOOK]!.data, before);
    losses.push(scalarOf(found, "loss"));
  }
  await program.dispose();
  const mean = (values: number[]) => values.reduce((sum, v) => sum + v, 0) / values.length;
  assert.ok(mean(losses.slice(-4)) < 0.8 * mean(losses.slice(0, 4)), losses.join(", "));
});

test("options out of range, latents that do not fit and foreign states are refused", () => {
  expectThrow(() => start({ decay: 1 }), RangeError, /decay.*got 1/);
  expectThrow(() => start({ epsilon: 0 }), RangeError, /epsilon.*got 0/);
  expectThrow(() => start({ restartBelow: -1 }), RangeError, /restartBelow.*got -1/);
  const { optimizer, averages } = start();
  const short = () => averages.update(optimizer, codesOf(0), normalFloats([9, DIM], 1), 0);
  expectThrow(short, RangeError, /width 4.*\[2, 5\].*\[9, 4\]/);
  expectThrow(() => averages.restore({}), FileError, /sizes.*\[6\].*nothing/);
  const other = start({}, { codebook: normalFloats([5, DIM], 1) }).averages.state();
  expectThrow(() => averages.restore(other), FileError, /sizes.*\[6\].*\[5\]/);
});

test.run();
