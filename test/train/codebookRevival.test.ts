import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CodebookRevival, type RevivalOptions } from "../../lib/train/codebookRevival.js";
import { Optimizer } from "../../lib/train/optimizer.js";
import { normalFloats } from "../hostTensors.js";
import { expectClose } from "../support.js";

const test = suite("train/codebookRevival");

const [SIZE, DIM] = [6, 4];
const CODEBOOK = "quantizer/codebook";
const OPTIONS: RevivalOptions = { quantizeFrom: 0, every: 5 };

const LATENTS = { ...normalFloats([10, DIM], 7), shape: [2, 5, DIM] };

/** An optimizer with momentum, and a revival. */
function start(options: RevivalOptions = OPTIONS, { seed = 3, l2Norm = true } = {}) {
  const specs = { [CODEBOOK]: { shape: [SIZE, DIM], init: { kind: "zeros" }, decay: false } } as const;
  const optimizer = Optimizer.started({ [CODEBOOK]: normalFloats([SIZE, DIM], 1) }, specs, {
    rule: "adamw",
    schedule: () => 0.01,
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    weightDecay: 0,
    clip: 0,
    ema: 0.9,
  });
  optimizer.update({ [CODEBOOK]: normalFloats([SIZE, DIM], 2) }, { norm: 1, step: 0 });
  return { optimizer, revival: new CodebookRevival(options, { codebookSize: SIZE, codeDim: DIM, l2Norm }, seed) };
}

const rowsOf = (values: ArrayLike<number>) =>
  Array.from({ length: values.length / DIM }, (_, i) => Array.from(values).slice(i * DIM, (i + 1) * DIM));
const codebookOf = (optimizer: Optimizer) => rowsOf(optimizer.params[CODEBOOK]!.data);
const momentumOf = (optimizer: Optimizer) => rowsOf(optimizer.state("m").tensors[`m/first/${CODEBOOK}`]!.data);
const movedBetween = (before: number[][], after: number[][]) =>
  before.flatMap((row, i) => (row.some((v, j) => v !== after[i]![j]) ? [i] : []));

test("only codes that were not chosen for the given number of steps are moved, when it is time", () => {
  const { optimizer, revival } = start();
  const before = codebookOf(optimizer);
  revival.observe([0, 4], 3);
  for (let step = 3; step < 9; step++) {
    revival.observe([1, 2, 2], step);
    assert.is(revival.revive(optimizer, LATENTS, step), step === 4 ? 2 : 0, `step ${step}`);
  }
  assert.equal(movedBetween(before, codebookOf(optimizer)), [3, 5]);
  revival.observe([1, 2, 3], 9);
  // 0 and 4 were last chosen in step 3, which is longer ago than 5 steps; 5 was moved in step 4.
  const after = codebookOf(optimizer);
  assert.is(revival.revive(optimizer, LATENTS, 9), 3);
  assert.equal(movedBetween(after, codebookOf(optimizer)), [0, 4, 5]);
});

test("a code chosen within the last steps stays, at the edge too", () => {
  const { optimizer, revival } = start();
  revival.observe([0, 1, 2, 3, 4], 5); // the first of the five steps 5..9
  revival.observe([5], 4);
  const before = codebookOf(optimizer);
  assert.is(revival.revive(optimizer, LATENTS, 9), 1);
  assert.equal(movedBetween(before, codebookOf(optimizer)), [5]);
});

test("a moved code lies on a latent, at the length codes have at the start, and so does its average", () => {
  const { optimizer, revival } = start();
  revival.revive(optimizer, LATENTS, 4);
  const latents = rowsOf(LATENTS.data);
  for (const row of [...codebookOf(optimizer), ...rowsOf(optimizer.weights[CODEBOOK]!.data)]) {
    expectClose([Math.hypot(...row)], [Math.sqrt(DIM)], "length", { absolute: 1e-6 });
    const cosines = latents.map(
      (z) => row.reduce((sum, v, i) => sum + v * z[i]!, 0) / Math.hypot(...z) / Math.sqrt(DIM),
    );
    expectClose([Math.max(...cosines)], [1], "cosine with the nearest latent", { absolute: 1e-6 });
  }
});

test("where codes are compared as they are, a moved code is a latent", () => {
  const { optimizer, revival } = start(OPTIONS, { l2Norm: false });
  revival.observe([1], 4);
  const [, kept] = codebookOf(optimizer);
  revival.revive(optimizer, LATENTS, 4);
  const latents = rowsOf(LATENTS.data);
  const [, unmoved, ...others] = codebookOf(optimizer);
  assert.equal(unmoved, kept);
  for (const row of others) assert.ok(latents.some((latent) => latent.every((value, i) => value === row[i])));
});

test("moved codes forget their momentum, the others keep it", () => {
  const { optimizer, revival } = start();
  const before = momentumOf(optimizer);
  revival.observe([0, 2], 4);
  revival.revive(optimizer, LATENTS, 4);
  const after = momentumOf(optimizer);
  for (const code of [1, 3, 4, 5]) assert.equal(after[code], [0, 0, 0, 0]);
  for (const code of [0, 2]) {
    assert.equal(after[code], before[code]);
    assert.ok(after[code]!.some((v) => v !== 0));
  }
});

test("when quantizing begins every code starts on a latent, used or not", () => {
  const { optimizer, revival } = start({ quantizeFrom: 8, every: 5 });
  const before = codebookOf(optimizer);
  for (let step = 0; step < 7; step++) {
    revival.observe([0, 1, 2, 3, 4, 5], step);
    assert.is(revival.revive(optimizer, LATENTS, step), 0, `step ${step}: the decoder gets no codewords yet`);
  }
  revival.observe([0, 1, 2, 3, 4, 5], 7);
  assert.is(revival.revive(optimizer, LATENTS, 7), SIZE);
  assert.equal(movedBetween(before, codebookOf(optimizer)), [0, 1, 2, 3, 4, 5]);
});

test("the codebook starts on latents at the first step that is not skipped", () => {
  const { optimizer, revival } = start({ quantizeFrom: 8, every: 0 });
  const before = codebookOf(optimizer);
  // Steps 7 and 8 were not finite, so that neither reached the codebook.
  revival.observe([0, 1], 9);
  assert.is(revival.revive(optimizer, LATENTS, 9), SIZE);
  assert.equal(movedBetween(before, codebookOf(optimizer)), [0, 1, 2, 3, 4, 5]);
  for (let step = 10; step < 30; step++) assert.is(revival.revive(optimizer, LATENTS, step), 0, `step ${step}`);
});

test("with an interval of 0 and quantizing from the beginning nothing is ever moved", () => {
  const { optimizer, revival } = start({ quantizeFrom: 0, every: 0 });
  for (let step = 0; step < 50; step++) assert.is(revival.revive(optimizer, LATENTS, step), 0);
});

test("the same seed moves codes to the same latents, another to others; so does another step", () => {
  const revived = (seed: number, step: number) => {
    const { optimizer, revival } = start(OPTIONS, { seed });
    revival.revive(optimizer, LATENTS, step);
    return codebookOf(optimizer);
  };
  assert.equal(revived(3, 4), revived(3, 4));
  assert.not.equal(revived(3, 4), revived(4, 4));
  assert.not.equal(revived(3, 4), revived(3, 9));
});

test("a state taken over goes on as if nothing had happened", () => {
  const [one, two] = [start(), start()];
  one.revival.observe([0, 4], 3);
  two.revival.restore(one.revival.state());
  assert.equal([...two.revival.state()["lastUsed"]!.data], [3, -1, -1, -1, 3, -1]);
  one.revival.revive(one.optimizer, LATENTS, 4);
  two.revival.revive(two.optimizer, LATENTS, 4);
  assert.equal(codebookOf(two.optimizer), codebookOf(one.optimizer));
  assert.equal(two.revival.state(), one.revival.state());
});

test.run();
