import type { Predictions } from "./codeLikelihood.js";

/** How well codes were predicted, over all rows that were added. */
export type LikelihoodScores = {
  readonly rows: number;
  /** Mean negative log-likelihood, in nats per code. */
  readonly nll: number;
  /** `exp(nll)`, 1..: among so many equally likely codes the model wavers. */
  readonly perplexity: number;
  /** Share of the codes that were the likeliest, 0..1. */
  readonly top1: number;
  /** The same as `nll` of each row of the grid, from the top. */
  readonly nllByRow: readonly number[];
};

/** Gathers predictions of codes on a grid. */
export function scoreLikelihood([gridRows, columns]: readonly [number, number]) {
  const sums = new Float64Array(gridRows);
  let [rows, hits] = [0, 0];
  return {
    /** @throws RangeError when the predictions are no whole rows */
    add(predictions: Predictions): void {
      const n = predictions.nll.length / (gridRows * columns);
      if (!Number.isInteger(n))
        throw new RangeError(`likelihood: want rows of ${gridRows * columns} codes, got ${predictions.nll.length}`);
      for (const [i, nll] of predictions.nll.entries()) sums[Math.floor(i / columns) % gridRows]! += nll;
      for (const hit of predictions.hits) hits += hit;
      rows += n;
    },
    /** @throws RangeError when nothing was added */
    result(): LikelihoodScores {
      if (rows === 0) throw new RangeError("likelihood: no rows were added");
      const nllByRow = Array.from(sums, (sum) => sum / (rows * columns));
      const nll = nllByRow.reduce((a, b) => a + b, 0) / gridRows;
      return { rows, nll, perplexity: Math.exp(nll), top1: hits / (rows * gridRows * columns), nllByRow };
    },
  };
}
