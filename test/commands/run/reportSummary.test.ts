import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Findings, FoundRun } from "../../../commands/run/reportSearch.js";
import { numberAt, summarize, trainingSeconds, waitingShare } from "../../../commands/run/reportSummary.js";
import { summaryText } from "../../../commands/run/reportText.js";

const test = suite("commands/run/reportSummary");

const nothing: Findings = {
  tokenizerRuns: [],
  priorRuns: [],
  evaluations: [],
  likelihoods: [],
  samples: [],
  sampleFolders: [],
  probes: [],
  encodings: [],
  damaged: [],
};

const run: FoundRun = {
  folder: "vq",
  config: { command: "train-vq", options: { batchSize: 8, seed: 3 } },
  metrics: [
    { step: 10, loss: 2, psnr: 20, imagesPerSecond: 80 },
    { step: 30, loss: 1, psnr: null, imagesPerSecond: 40 },
  ],
  finished: true,
};

test("what is missing is null and has no line", () => {
  const summary = summarize(nothing);
  const { found, seconds, seeds, ...figures } = summary;
  for (const [name, value] of Object.entries({ ...figures, ...seconds, ...seeds })) assert.is(value, null, name);
  assert.ok(Object.values(found).every((list) => list.length === 0));
  assert.is(summaryText(summary), "");
});

test("a stage has its last known metrics, and its time from its pace", () => {
  const { stage1, seconds, seeds } = summarize({ ...nothing, tokenizerRuns: [run] });
  assert.is(stage1?.["loss"], 1);
  assert.is(stage1?.["psnr"], 20, "the newest that is a number");
  assert.is(stage1?.step, 30);
  assert.is(seeds.stage1, 3);
  assert.is(stage1?.seconds, 1 + 4); // 10 steps of 8 images at 80 a second, 20 at 40
  assert.is(seconds.total, 5);
});

test("without pace or batch size the time is unknown", () => {
  assert.is(trainingSeconds({ ...run, config: { command: "train-vq" } }), null);
  assert.is(trainingSeconds({ ...run, metrics: [{ step: 1 }] }), null);
  assert.is(trainingSeconds({ ...run, metrics: [] }), null);
});

test("waiting for data is a share of all seconds, and has a place in a stage's line where it is known", () => {
  const [first, second] = run.metrics;
  const waiting = {
    ...run,
    metrics: [
      { ...first!, dataWait: 0.25 },
      { ...second!, dataWait: 0.0625 },
    ],
  };
  assert.is(waitingShare(waiting), (1 * 0.25 + 4 * 0.0625) / 5);
  const lineOf = (one: FoundRun) => summaryText(summarize({ ...nothing, tokenizerRuns: [one] })).split("\n")[0];
  assert.match(
    lineOf(waiting)!,
    /^stage 1 +vq: 30 steps in 5\.0 s, loss 1\.000, PSNR 20\.00, waiting for data 10\.0%$/,
  );
  assert.is(waitingShare(run), null);
  assert.not.match(lineOf(run)!, /waiting/);
  assert.is(waitingShare({ ...waiting, metrics: [...waiting.metrics, { step: 40, imagesPerSecond: 80 }] }), null);
});

test("headlines come from the first file of a kind, seconds add up", () => {
  const summary = summarize({
    ...nothing,
    evaluations: [
      {
        file: "evaluation.json",
        content: {
          ...{ psnr: 21.5, usage: 0.5, batchUsage: 0.25, perplexity: 7, images: 9, seconds: 2 },
          ...{ lpips: 0.25, rfid: 12.5, logitLaplace: -1.5, inceptionScore: { mean: 3.25, std: 0.5, splits: 10 } },
          localFrechet: 0.125,
        },
      },
      { file: "more/evaluation.json", content: { psnr: 1 } },
    ],
    samples: [
      {
        file: "s/samples.json",
        content: {
          images: 40,
          nearestClassShare: 0.6,
          copies: 1,
          meanDistance: 0.2,
          ...{
            gfid: 45.5,
            inceptionScore: { mean: 2.5 },
            precision: 0.5,
            recall: 0.25,
            density: 1.125,
            coverage: 0.75,
          },
          ...{ localFrechet: 1.5, localPrecision: 0.625, localRecall: null, localDensity: 2, localCoverage: 1 },
          real: { nearestClassShare: 0.8, gfid: 12.5, localFrechet: 0.5 },
          seconds: 3,
        },
      },
    ],
    sampleFolders: [{ file: "samples/index.json", content: { seed: 5, images: [{}, {}] } }],
    probes: [
      {
        file: "probe.json",
        content: {
          best: { block: 4, top1: 0.7 },
          baselines: {
            rawPixels: { top1: 0.8 },
            stage1: { top1: 0.6 },
            randomInit: null,
            majorityClass: { top1: 0.1 },
          },
          confusion: [
            [3, 1],
            [2, 4],
          ],
        },
      },
    ],
  });
  assert.equal(
    [summary.psnr, summary.usage, summary.batchUsage, summary.perplexity, summary.evaluatedImages],
    [21.5, 0.5, 0.25, 7, 9],
  );
  assert.equal([summary.lpips, summary.rfid, summary.logitLaplace, summary.inceptionScore], [0.25, 12.5, -1.5, 3.25]);
  assert.equal([summary.nearestClassShare, summary.realNearestClassShare, summary.sampleImages], [0.6, 0.8, 40]);
  assert.equal(summary.probe, {
    best: { block: 4, top1: 0.7 },
    ...{ rawPixels: 0.8, stage1: 0.6, randomInit: null, majorityClass: 0.1 },
  });
  assert.is(summary.found["probes"]?.[0]?.["confusion"], undefined, "classes squared are too many numbers");
  assert.equal([summary.seconds.total, summary.seconds.stage1, summary.seeds.samples], [5, null, 5]);
  assert.is(summary.found["evaluations"]?.length, 2);
  assert.equal(summary.found["sampleFolders"], [{ seed: 5, images: 2, path: "samples/index.json" }]);
  const lines = summaryText(summary).trimEnd().split("\n");
  assert.match(
    lines[0]!,
    /^reconstruction +PSNR 21\.50 dB, LPIPS 0\.2500, rFID 12\.50, Inception Score 3\.25, Fréchet distance on local features \(not .* FID\) 0\.1250; 9 images$/,
  );
  assert.match(
    lines.join("\n"),
    /samples +40 images, nearest training image of their class 60\.0% \(real images 80\.0%\)/,
  );
  assert.equal([summary.gfid, summary.realGfid, summary.precision, summary.localFrechet], [45.5, 12.5, 0.5, 1.5]);
  assert.match(
    lines.join("\n"),
    /\n +gFID 45\.50 \(real images 12\.50\), Inception Score 2\.50, precision 0\.500, recall 0\.250, density 1\.125, coverage 0\.750\n/,
  );
  assert.match(
    lines.join("\n"),
    /\n +Fréchet .* \(not comparable to published FID\) 1\.500 \(real images 0\.5000\), precision 0\.625, density 2\.000, coverage 1\.000\n/,
  );
  assert.match(
    lines.join("\n"),
    /probe +top-1 70\.0% at block 4, raw pixels 80\.0%, stage-1 encoder 60\.0%, most frequent class 10\.0%/,
  );
});

test("codes that a VIM predicted have a line, with the class where there was one", () => {
  const content = {
    withClass: { rows: 90, nll: 2.25, top1: 0.375 },
    withoutClass: { rows: 100, nll: 2.5, top1: 0.25 },
    ...{ unigramEntropy: 5.5, positionEntropy: 4.5, seconds: 2 },
  };
  const summary = summarize({ ...nothing, likelihoods: [{ file: "likelihood.json", content }] });
  assert.equal(summary.likelihood, {
    ...{ rows: 90, nll: 2.25, nllWithoutClass: 2.5, top1: 0.375, unigramEntropy: 5.5, positionEntropy: 4.5 },
  });
  assert.equal([summary.seconds.likelihood, summary.seconds.total], [2, 2]);
  assert.match(
    summaryText(summary),
    /^prediction +NLL of test codes 2\.250 nats \(2\.500 without class\), unigram entropy 5\.500, top-1 37\.5%; 90 rows\n/,
  );
  const alone = { ...content, withClass: null };
  const other = summarize({ ...nothing, likelihoods: [{ file: "likelihood.json", content: alone }] });
  assert.equal([other.likelihood?.nll, other.likelihood?.rows], [2.5, 100]);
  assert.match(summaryText(other), /2\.500 nats, unigram/);
});

test("usage falls back on what encoding printed", () => {
  const encodings = [{ file: "a.encode.json", content: { usage: 0.9, perplexity: 12, vocabulary: 64 } }];
  const { usage, perplexity, codebookSize, psnr } = summarize({ ...nothing, encodings });
  assert.equal([usage, perplexity, codebookSize, psnr], [0.9, 12, 64, null]);
});

test("a number is found at a path of own keys only", () => {
  assert.is(numberAt({ a: { b: 2 } }, "a", "b"), 2);
  for (const value of [{ a: 2 }, { a: { b: "2" } }, { a: null }, null, undefined, { a: [1] }])
    assert.is(numberAt(value, "a", "b"), null);
  assert.is(numberAt([], "constructor", "length"), null);
});

test.run();
