import { suite } from "uvu";
import * as assert from "uvu/assert";
import { UsageError } from "../../lib/errors.js";
import { readHostTensors } from "../../lib/files/hostTensors.js";
import { rngFrom, uniformAt } from "../../lib/random.js";
import { checkFilter, drawCode, type Filter, filteredProbabilities, PLAIN_SAMPLING } from "../../lib/sample/draw.js";
import { expectClose, expectThrow, fixture } from "../support.js";

const test = suite("sample/draw");

const LARGEST_UNIFORM = 1 - 2 ** -24;

const logitsOf = (...probabilities: number[]) => Float32Array.from(probabilities, Math.log);
const filter = (change: Partial<Filter>): Filter => ({ ...PLAIN_SAMPLING, ...change });
const kept = (logits: Float32Array, change: Partial<Filter>) =>
  [...filteredProbabilities(logits, filter(change)).entries()].filter(([, p]) => p > 0).map(([code]) => code);

/** Distinct logits in random order. */
function distinctLogits(size: number, seed: number): Float32Array {
  const rng = rngFrom(seed);
  return Float32Array.from({ length: size }, (_, i) => i / size + 0.4 * (rng.uniform() / size)).sort(
    () => rng.uniform() - 0.5,
  );
}

test("temperature 0 takes the largest of distinct logits, whatever the uniform and the other filters", () => {
  for (let seed = 0; seed < 20; seed++) {
    const logits = distinctLogits(50, seed);
    const largest = logits.indexOf(Math.max(...logits));
    for (const uniform of [0, 0.5, LARGEST_UNIFORM])
      for (const change of [{}, { topK: 3 }, { topP: 0.1 }])
        assert.is(drawCode(logits, filter({ temperature: 0, ...change }), uniform), largest);
  }
});

test("a temperature near 0 draws what temperature 0 takes", () => {
  const logits = distinctLogits(50, 3);
  const largest = drawCode(logits, filter({ temperature: 0 }), 0.5);
  for (const uniform of [2 ** -24, 0.3, LARGEST_UNIFORM])
    assert.is(drawCode(logits, filter({ temperature: 1e-4 }), uniform), largest);
});

test("temperature divides the logits", () => {
  const probabilities = filteredProbabilities(logitsOf(0.5, 0.25, 0.25), filter({ temperature: 0.5 }));
  expectClose(probabilities, [4 / 6, 1 / 6, 1 / 6], "squares of the probabilities, normalised", { absolute: 1e-7 });
});

test("top-k keeps the k best and all ties of the last of them", () => {
  const logits = Float32Array.of(3, 1, 2, 2, 0);
  assert.equal(kept(logits, { topK: 1 }), [0]);
  assert.equal(kept(logits, { topK: 2 }), [0, 2, 3]);
  assert.equal(kept(logits, { topK: 3 }), [0, 2, 3]);
  assert.equal(kept(logits, { topK: 4 }), [0, 1, 2, 3]);
});

test("top-k of 0, of all, and of more than all keeps everything", () => {
  const logits = Float32Array.of(3, 1, 2, 2, 0);
  for (const topK of [0, 5, 6, 100]) assert.equal(kept(logits, { topK }), [0, 1, 2, 3, 4]);
});

test("top-p keeps the smallest set of best codes that reaches the mass, the first of equals", () => {
  const logits = logitsOf(0.25, 0.5, 0.125, 0.125);
  assert.equal(kept(logits, { topP: 1e-9 }), [1]);
  assert.equal(kept(logits, { topP: 0.49 }), [1]);
  assert.equal(kept(logits, { topP: 0.51 }), [0, 1]);
  assert.equal(kept(logits, { topP: 0.74 }), [0, 1]);
  assert.equal(kept(logits, { topP: 0.76 }), [0, 1, 2]);
  assert.equal(kept(logits, { topP: 0.89 }), [0, 1, 2, 3]);
  assert.equal(kept(logits, { topP: 1 }), [0, 1, 2, 3]);
});

test("top-p stops at a code that reaches the mass exactly", () => {
  const even = new Float32Array(4); // probabilities of exactly 1/4
  assert.equal(kept(even, { topP: 0.25 }), [0]);
  assert.equal(kept(even, { topP: 0.5 }), [0, 1]);
  assert.equal(kept(even, { topP: 0.75 }), [0, 1, 2]);
});

test("top-p counts mass after temperature and top-k", () => {
  const logits = logitsOf(0.4, 0.3, 0.2, 0.1);
  assert.equal(kept(logits, { topP: 0.5 }), [0, 1]);
  assert.equal(kept(logits, { topP: 0.5, topK: 2 }), [0]); // 0.4 of 0.7 is more than half
  assert.equal(kept(logits, { topP: 0.5, temperature: 0.5 }), [0]); // 0.16 of 0.3
});

test("what is kept sums to 1 in the proportions it had, and the logits stay as they are", () => {
  const logits = logitsOf(0.4, 0.3, 0.2, 0.1);
  const before = [...logits];
  const probabilities = filteredProbabilities(logits, filter({ topK: 3, topP: 0.7 }));
  expectClose(probabilities, [4 / 7, 3 / 7, 0, 0], "probabilities", { absolute: 1e-7 });
  assert.equal([...logits], before);
});

test("a draw is the first code whose cumulative probability exceeds the uniform", () => {
  const logits = logitsOf(0.5, 0.25, 0.25);
  const at = (uniform: number) => drawCode(logits, PLAIN_SAMPLING, uniform);
  assert.equal([0, 0.49, 0.51, 0.74, 0.76, LARGEST_UNIFORM].map(at), [0, 0, 1, 1, 2, 2]);
});

test("a code that was cut is never drawn, even where rounding leaves the total below the uniform", () => {
  for (let seed = 0; seed < 50; seed++) {
    const rng = rngFrom(seed);
    const logits = Float32Array.from({ length: 100 }, () => 3 * rng.normal());
    const allowed = kept(logits, { topK: 10 });
    for (const uniform of [0, 1e-12, 0.5, LARGEST_UNIFORM, 1 - 2 ** -53])
      assert.ok(allowed.includes(drawCode(logits, filter({ topK: 10 }), uniform)));
  }
});

test("20,000 draws follow the filtered probabilities", () => {
  const logits = logitsOf(0.3, 0.05, 0.25, 0.2, 0.15, 0.05);
  for (const [change, critical] of [
    [{}, 20.5], // chi-square, 5 degrees of freedom, 0.1%
    [{ temperature: 0.7, topK: 4 }, 16.3], // 3 degrees of freedom
  ] as const) {
    const probabilities = filteredProbabilities(logits, filter(change));
    const counts = new Float64Array(6);
    const draws = 20_000;
    for (let i = 0; i < draws; i++) counts[drawCode(logits, filter(change), uniformAt(i, 77))]!++;
    const statistic = counts.reduce((sum, count, code) => {
      const want = draws * probabilities[code]!;
      if (want === 0) assert.is(count, 0);
      return want === 0 ? sum : sum + (count - want) ** 2 / want;
    }, 0);
    assert.ok(statistic < critical, `chi-square ${statistic}`);
  }
});

test("filtered probabilities and drawn codes are the reference's", async () => {
  const { tensors, metadata } = await readHostTensors(fixture("golden", "gpt_tiny.safetensors"));
  const sampling = JSON.parse(metadata["sampling"]!) as { temperature: number; top_k: number; top_p: number };
  const settings: Filter = { temperature: sampling.temperature, topK: sampling.top_k, topP: sampling.top_p };
  const [B, N, K] = tensors["sample.probs"]!.shape as [number, number, number];
  const row = (name: string, b: number, n: number) =>
    tensors[name]!.data.subarray((b * N + n) * K, (b * N + n + 1) * K) as Float32Array;
  for (let b = 0; b < B; b++) {
    // Only the first logits do not depend on what was drawn before.
    const first = filteredProbabilities(row("cached.forced_logits", b, 0), settings);
    expectClose(first, row("sample.probs", b, 0), `probabilities of sequence ${b}`, { absolute: 1e-6 });
    const codes = Array.from({ length: N }, (_, n) => {
      const probabilities = row("sample.probs", b, n);
      return drawCode(probabilities.map(Math.log), PLAIN_SAMPLING, tensors["sample.uniforms"]!.data[n * B + b]!);
    });
    assert.equal(codes, [...tensors["sample.codes"]!.data.subarray(b * N, (b + 1) * N)], `codes of sequence ${b}`);
  }
});

test("filters out of range are refused by name, those at the edge are not", () => {
  const refused = (change: Partial<Filter>, pattern: RegExp) =>
    expectThrow(() => checkFilter(filter(change)), UsageError, pattern);
  for (const temperature of [-0.1, Number.NaN, Number.POSITIVE_INFINITY])
    refused({ temperature }, /^temperature: want/);
  for (const topK of [-1, 1.5]) refused({ topK }, /^top-k: want/);
  for (const topP of [0, -1, 1.01, Number.NaN]) refused({ topP }, /^top-p: want/);
  for (const change of [{ temperature: 0 }, { topK: 0 }, { topP: 1 }]) checkFilter(filter(change));
});

test.run();
