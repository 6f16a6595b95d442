import { suite } from "uvu";
import * as assert from "uvu/assert";
import { samplesSummary } from "../../../commands/run/samplesSummary.js";

const test = suite("commands/run/samplesSummary");

const NONE = {
  gfid: null,
  inceptionScore: null,
  precision: null,
  recall: null,
  density: null,
  coverage: null,
  localFrechet: null,
  localPrecision: null,
  localRecall: null,
  localDensity: null,
  localCoverage: null,
};

const scores = {
  images: 500,
  nearestClassShare: 0.64,
  perClass: [{ class: 0, className: "bag", images: 500, nearestClassShare: 0.64 }],
  meanDistance: 0.125,
  minDistance: 0.05,
  copies: 1,
  ...NONE,
};

const counts = {
  samples: 500,
  reference: 6000,
  real: 400,
  singularCovariance: false,
  neighbours: { precisionRecall: 3, densityCoverage: 5, among: 500 },
};

const plain = {
  ...scores,
  referenceImages: 6000,
  copyDistance: 0.03,
  referenceInceptionScore: null,
  protocol: { inception: null, local: null },
};

const inception = {
  ...{
    file: "i.pth",
    sha256: "6726825d1234".padEnd(64, "0"),
    known: true,
    network: "1",
    resize: "pytorch-fid" as const,
  },
  ...counts,
  statistics: { file: "kept", read: true },
};

const local = {
  ...{ run: "runs/vq", tokenizer: "abcdef012345".padEnd(64, "0"), features: "means", dim: 128, comparable: "not" },
  ...counts,
};

test("without networks there is a table of neighbours, with or without real images", () => {
  const text = samplesSummary(plain);
  assert.match(text, /^ +samples\nimages +500\nnearest .* +64\.0%\n {2}bag +64\.0%\n/);
  assert.match(text, /\ncopies \(distance up to 0\.03\) +1\namong 6,000 training images$/);
  const other = { ...scores, images: 1000, perClass: [{ ...scores.perClass[0]!, nearestClassShare: 0.8 }] };
  assert.match(
    samplesSummary({ ...plain, real: other }),
    /^ +samples +real images\nimages +500 +1,000\n.*\n {2}bag +64\.0% +80\.0%\n/,
  );
});

test("what Inception says stands beside the same of real images, with protocol, counts and warning", () => {
  const text = samplesSummary({
    ...plain,
    ...{ gfid: 45.678, inceptionScore: { mean: 3.25, std: 0.5, splits: 10 }, precision: 0.5, recall: 0.25 },
    ...{ density: 1.125, coverage: null },
    real: { ...scores, gfid: 12.345, precision: 0.75 },
    referenceInceptionScore: { mean: 4.5, std: 0.25, splits: 10 },
    protocol: { inception, local: null },
  });
  for (const line of [
    /^gFID +45\.68 +12\.3[45]$/m,
    /^Inception Score +3\.25 \+- 0\.50 +-$/m,
    /^ {2}precision +0\.500 +0\.750$/m,
    /^ {2}recall +0\.250 +-$/m,
    /^ {2}density +1\.125 +-$/m,
    /^ {2}coverage +- +-$/m,
    /^Inception \(i\.pth, 6726825d1234, the published file\), pytorch-fid, out of kept: 500 samples, 400 real images, 6,000 reference images; precision and recall by 3 neighbours, density and coverage by 5, among 500 of the reference; of little worth, with 400 images for 2,048 features$/m,
    /^Inception Score of the reference: 4\.50 \+- 0\.25$/m,
  ])
    assert.match(text, line);
  assert.not.match(text, /Fréchet/);
});

test("a distance on a tokenizer's features says that it is no FID", () => {
  const text = samplesSummary({
    ...plain,
    ...{ localFrechet: 1.5, localPrecision: 0.5, localRecall: 0.25, localDensity: 1, localCoverage: 0.75 },
    protocol: { inception: null, local: { ...local, real: null } },
  });
  for (const line of [
    /^Fréchet distance on features of runs\/vq \(not comparable to published FID\) +1\.500$/m,
    /^ {2}precision on them +0\.500$/m,
    /^ {2}coverage +0\.750$/m,
    /^features of runs\/vq \(abcdef012345\): means, 128 wide: 500 samples, 6,000 reference images; .* among 500 of the reference$/m,
  ])
    assert.match(text, line);
  assert.not.match(text, /gFID|Inception/);
});

test.run();
