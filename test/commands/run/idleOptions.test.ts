import { suite } from "uvu";
import * as assert from "uvu/assert";
import { options as classifyOptions } from "../../../commands/classify.js";
import { options as decodeOptions } from "../../../commands/decode.js";
import { options } from "../../../commands/encode.js";
import { options as evaluateOptions } from "../../../commands/evaluate.js";
import { options as probeOptions } from "../../../commands/probe.js";
import {
  CLASSIFY_RULES,
  DECODE_RULES,
  ENCODE_RULES,
  EVALUATE_RULES,
  PROBE_RULES,
  VIM_RULES,
  VQ_RULES,
} from "../../../commands/run/idleOptions.js";
import { refuseIdle } from "../../../commands/support/idle.js";
import type { OptionTable } from "../../../commands/support/options.js";
import { resolveConfig } from "../../../commands/support/resolve.js";
import { options as vimOptions } from "../../../commands/trainVim.js";
import { options as vqOptions } from "../../../commands/trainVq.js";
import { refusal } from "../support/refusal.js";

const test = suite("commands/run/idleOptions");

type Values = Readonly<Record<string, unknown>>;

/** The options as if they were typed. */
const typed = <T extends OptionTable>(table: T, values: Values) =>
  resolveConfig(table, [{ origin: { kind: "flag" }, values }]);

const refuse = (values: Values) => refuseIdle(typed(options, values), options, ENCODE_RULES);
const refuseVq = (values: Values) => refuseIdle(typed(vqOptions, values), vqOptions, VQ_RULES);
const refuseVim = (values: Values) => refuseIdle(typed(vimOptions, values), vimOptions, VIM_RULES);
const refuseDecode = (values: Values) => refuseIdle(typed(decodeOptions, values), decodeOptions, DECODE_RULES);
const refuseProbe = (values: Values) => refuseIdle(typed(probeOptions, values), probeOptions, PROBE_RULES);
const refuseClassify = (values: Values, json = false) =>
  refuseIdle({ ...typed(classifyOptions, values), json }, classifyOptions, CLASSIFY_RULES);
const refuseEvaluate = (values: Values) => refuseIdle(typed(evaluateOptions, values), evaluateOptions, EVALUATE_RULES);

test("options of encode that change nothing are refused with what they want", async () => {
  for (const [values, want] of [
    [{ flip: true }, /^--flip: changes nothing here; it wants --views 2 or more\. Leave it out$/],
    [{ crop: "random" }, /^--crop: .* --views 2 or more/],
    [{ cropScale: [1, 2] }, /^--crop-scale: .* --views 2 or more/],
    [{ seed: 1 }, /^--seed: .* --views 2 or more/],
    [{ views: 2, flip: true, seed: 1 }, /^--seed: .* --crop random/],
    [{ views: 2, flip: true, cropScale: [1, 2] }, /^--crop-scale: .* --crop random/],
    [{ views: 2, crop: "random", resize: "squash" }, /^--crop: .* --crop-scale above 1/],
  ] as const)
    assert.match(await refusal(() => refuse(values)), want);
});

test("options of encode that change something are taken", () => {
  refuse({});
  refuse({ views: 2, flip: true });
  refuse({ views: 3, crop: "random", flip: true, seed: 4 });
  refuse({ views: 3, crop: "random", cropScale: [1, 1.5], resize: "squash" });
});

test("a random crop of squashed images, which leaves nothing to crop, is refused by trainings, too", async () => {
  const squashed = { data: "photos", crop: "random", resize: "squash" };
  for (const training of [refuseVq, refuseVim]) {
    assert.match(
      await refusal(() => training(squashed)),
      /^--crop: .* wants --crop-scale above 1, since --resize squash/,
    );
    training({ ...squashed, cropScale: [1, 1.5] });
    training({ ...squashed, crop: "center" });
    training({ ...squashed, resize: "cover" });
  }
});

test("a start of the codebook is refused where latents take its place", async () => {
  const refused = await refusal(() => refuseVq({ codebookInit: "uniform" }));
  assert.match(refused, /^--codebook-init: .* wants --quantize-from 0, since every code is put onto a latent/);
  refuseVq({ codebookInit: "uniform", quantizeFrom: 0 });
  refuseVq({ codebookInit: "uniform", codebookUpdate: "ema" });
  refuseVq({ quantizeFrom: 50 });
});

test("hiding the class is refused where there is none", async () => {
  const refused = await refusal(() => refuseVim({ unconditional: true, classDropout: 0.7 }));
  assert.match(refused, /^--class-dropout: .* wants no --unconditional/);
  refuseVim({ classDropout: 0.7 });
  refuseVim({ unconditional: true });
});

test("columns are refused where decode writes no grid", async () => {
  const refused = await refusal(() => refuseDecode({ out: "folder", columns: 4 }));
  assert.match(refused, /^--columns: changes nothing here; it wants a \.png file as --out\. Leave it out$/);
  refuseDecode({ out: "grid.PNG", columns: 4 });
  refuseDecode({ out: "folder" });
});

test("options for images are refused beside a token file, a format where JSON takes its place", async () => {
  for (const values of [
    { tokenizer: "t" },
    { labels: "l" },
    { resize: "cover" },
    { strict: true },
    { checkpoint: true },
  ]) {
    const refused = await refusal(() => refuseClassify({ data: "codes.SAFETENSORS", ...values }));
    assert.match(refused, /^--[a-z]+: .* it wants images instead of a token file\./);
    refuseClassify({ data: "photos", ...values });
  }
  const csv = { data: "photos", format: "csv" };
  assert.match(await refusal(() => refuseClassify(csv, true)), /^--format: .* it wants --out, or no --json\./);
  refuseClassify(csv);
  refuseClassify({ ...csv, out: "classes.csv" }, true);
});

test("options of baselines that probe leaves out are refused", async () => {
  const none = { rawPixels: false, stage1: false };
  for (const [values, want] of [
    [{ rawPixels: false, pixelSize: 16 }, /^--pixel-size: .* it wants no --no-raw-pixels\./],
    [{ ...none, trainData: "photos" }, /^--train-data: .* not both --no-raw-pixels and --no-stage1\./],
    [{ ...none, testData: "photos" }, /^--test-data/],
    [{ ...none, tokenizer: "t" }, /^--tokenizer: .* a place for the classifier/],
    [{ randomInit: false, l2: 0.1, seed: 3 }, /^--seed: .* it wants something random/],
  ] as const)
    assert.match(await refusal(() => refuseProbe(values)), want);
  refuseProbe({ pixelSize: 16, trainData: "photos", tokenizer: "t", seed: 3 });
  refuseProbe({ rawPixels: false, trainData: "photos" });
  refuseProbe({ ...none, tokenizer: "t", save: "classifier.safetensors" });
  refuseProbe({ randomInit: false, seed: 3 });
  refuseProbe({ randomInit: false, l2: 0.1, fractions: [0.1], seed: 3 });
});

test("each measurement of evaluate refuses the options of the others", async () => {
  for (const [values, want] of [
    [{ data: "photos", samples: "s", reference: "r" }, /^--data photos: .* it wants a call without --samples\./],
    [{ data: "photos", tokenizer: "t", reference: "r" }, /^--reference: .* --samples or --vim/],
    [{ data: "photos", tokenizer: "t", real: "r" }, /^--real: .* --samples/],
    [{ data: "photos", tokenizer: "t", statistics: "s" }, /^--statistics: .* --inception/],
    [{ data: "codes", vim: "v", resize: "cover" }, /^--resize: .* a call without --vim/],
  ] as const)
    assert.match(await refusal(() => refuseEvaluate(values)), want);
  refuseEvaluate({ data: "photos", tokenizer: "t", inception: "i", statistics: "s" });
  refuseEvaluate({ data: "codes", vim: "v", reference: "r" });
  refuseEvaluate({ samples: "s", reference: "r", real: "q", copyDistance: 0 });
});

test.run();
