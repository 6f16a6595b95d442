import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NamedHostTensors } from "../../lib/engine/types.js";
import type { JsonMetadata } from "../../lib/files/checkpoints.js";
import type { Run } from "../../lib/files/runDirectory.js";
import { BestWeights } from "../../lib/train/bestWeights.js";
import { floats } from "../hostTensors.js";

const test = suite("train/bestWeights");

function keeper(stopAfter = 0, on = "val") {
  const written: [number, JsonMetadata][] = [];
  const writeBest = async (weights: NamedHostTensors, metadata: JsonMetadata) => {
    written.push([weights["w"]!.data[0]!, metadata]);
  };
  const best = new BestWeights({ writeBest } as unknown as Run, on, stopAfter);
  const offer = (step: number, valNll: number) => best.offer({ step, valNll, weights: { w: floats([1], step) } });
  return { best, offer, written };
}

test("only a lower score than all before is written, and never one that is no number", async () => {
  const { best, offer, written } = keeper();
  for (const [i, score] of [Number.NaN, 3, 2, 2, Number.NaN, 2.5, 1].entries()) await offer(i, score);
  assert.equal(written, [
    [1, { step: 1, valNll: 3 }],
    [2, { step: 2, valNll: 2 }],
    [6, { step: 6, valNll: 1 }],
  ]);
  assert.equal(best.best, { step: 6, valNll: 1, since: 0, on: "val" });
});

test("training is over after as many scores in a row without a lower one as asked for", async () => {
  const { best, offer } = keeper(2);
  const over: boolean[] = [];
  for (const [i, score] of [3, 4, 2, 2, 1, 1, 1].entries()) {
    await offer(i, score);
    over.push(best.isOver);
  }
  assert.equal(over, [false, false, false, false, false, false, true]);
});

test("without such a number it is never over", async () => {
  const { best, offer } = keeper();
  for (let step = 0; step < 50; step++) await offer(step, step);
  assert.not(best.isOver);
});

test("what a checkpoint says is taken up, but not where other data were scored", async () => {
  const first = keeper(3);
  for (const [i, score] of [3, 2, 4].entries()) await first.offer(i, score);
  const { metadata } = first.best;
  const same = keeper(3);
  assert.is(same.best.restore(metadata), undefined);
  await same.offer(3, 2.5);
  await same.offer(4, 2);
  assert.equal([same.written.length, same.best.isOver], [0, true]);
  const other = keeper(3, "other");
  assert.match(other.best.restore(metadata) ?? "", /best score so far was on val; .* anew, on other/);
  await other.offer(3, 9);
  assert.is(other.written.length, 1);
  assert.equal(keeper().best.metadata, {});
});

test.run();
