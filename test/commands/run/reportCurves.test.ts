import { suite } from "uvu";
import * as assert from "uvu/assert";
import { trainingCurves } from "../../../commands/run/reportCurves.js";
import type { FoundRun } from "../../../commands/run/reportSearch.js";
import { renderSvg } from "../../../lib/ui/drawing.js";

const test = suite("commands/run/reportCurves");

const run = (command: string, metrics: FoundRun["metrics"]): FoundRun => ({
  folder: "run",
  config: { command, model: { vocabulary: 256 } },
  metrics,
  finished: true,
});

const texts = (runs: Parameters<typeof trainingCurves>[0]): string[] => {
  const drawing = trainingCurves(runs);
  assert.ok(drawing);
  return drawing!.marks.flatMap((mark) => (mark.kind === "text" ? [mark.text] : []));
};

test("each metric that was recorded has its line, and panels without any are left out", () => {
  const tokenizer = run("train-vq", [
    { step: 1, loss: 2, l2: 1, rate: 0.1 },
    { step: 2, loss: 1, l2: 0.5, rate: 0.2, psnr: 20 },
  ]);
  const prior = run("train-vim", [{ step: 5, nll: 5, valNll: 5.2 }]);
  const shown = texts({ tokenizer, prior });
  for (const text of [
    "total",
    "l2",
    "Stage 1: PSNR of a few images",
    "Stage 1: learning rate",
    "training",
    "validation",
  ])
    assert.ok(shown.includes(text), text);
  assert.ok(shown.includes("ln 256"));
  assert.not.ok(shown.some((text) => /usage|bits|generator|Stage 2: learning/.test(text)));
});

test("losses below zero are drawn on a linear axis", () => {
  const points = (loss: number) => {
    const records = [100, loss].map((value, i) => ({ step: i + 1, loss: value }));
    const drawing = trainingCurves({ tokenizer: run("train-vq", records) });
    return drawing?.marks.flatMap((mark) => (mark.kind === "dots" ? mark.points : [])).length;
  };
  assert.is(points(-3), points(3), "a log axis would leave out one");
});

test("without metrics there is nothing to draw", () => {
  assert.is(trainingCurves({}), undefined);
  assert.is(trainingCurves({ tokenizer: run("train-vq", []), prior: undefined }), undefined);
});

test("it is a whole picture", () => {
  const drawing = trainingCurves({ prior: run("train-vim", [{ step: 1, nll: 4 }]) });
  assert.match(renderSvg(drawing!), /^<svg [\s\S]*Stage 2: negative log-likelihood[\s\S]*<\/svg>\n$/);
});

test.run();
