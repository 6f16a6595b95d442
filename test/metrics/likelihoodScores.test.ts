import { suite } from "uvu";
import * as assert from "uvu/assert";
import { scoreLikelihood } from "../../lib/metrics/likelihoodScores.js";
import { expectClose } from "../support.js";

const test = suite("metrics/likelihoodScores");

test("means are over all codes, and over those of each row of the grid", () => {
  const scores = scoreLikelihood([2, 3]);
  scores.add({ nll: Float32Array.of(1, 2, 3, 10, 20, 30), hits: Float32Array.of(1, 0, 0, 0, 0, 1) });
  const more = [0, 0, 0, 0, 0, 0];
  scores.add({
    nll: Float32Array.from([...more, 2, 2, 2, 2, 2, 2]),
    hits: Float32Array.from([...more, 1, 1, 1, 1, 1, 1]),
  });
  const { rows, nll, perplexity, top1, nllByRow } = scores.result();
  assert.is(rows, 3);
  expectClose(nllByRow, [12 / 9, 66 / 9], "by row", { absolute: 1e-12 });
  expectClose([nll, perplexity, top1], [78 / 18, Math.exp(78 / 18), 8 / 18], "means", { absolute: 1e-9 });
});

test("rows cut short, and nothing at all, are refused", () => {
  const scores = scoreLikelihood([2, 3]);
  assert.throws(() => scores.add({ nll: new Float32Array(7), hits: new Float32Array(7) }), /rows of 6 codes, got 7/);
  assert.throws(() => scores.result(), /no rows/);
});

test.run();
