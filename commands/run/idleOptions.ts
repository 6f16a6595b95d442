/** Options that would change nothing beside others, of every command but `sample`. */
import { isTokenFile } from "../../lib/files/tokenFile.js";
import { measurementsNamed } from "../../lib/speed/names.js";
import type { options as benchOptions } from "../bench.js";
import type { options as classifyOptions } from "../classify.js";
import { type options as decodeOptions, isPicture } from "../decode.js";
import type { options as encodeOptions } from "../encode.js";
import type { options as evaluateOptions } from "../evaluate.js";
import type { options as exportOptions } from "../export.js";
import type { options as probeOptions } from "../probe.js";
import type { IdleRule } from "../support/idle.js";
import type { ConfigOf } from "../support/options.js";
import type { options as vimOptions } from "../trainVim.js";
import type { options as vqOptions } from "../trainVq.js";
import { perceptualWeightOf } from "./perceptualNetwork.js";

type Crop = Pick<ConfigOf<typeof encodeOptions>, "crop" | "resize" | "cropScale">;

/** A random crop of what is resized to the square itself, as large as the image. */
const CROP_RULE = {
  names: ["crop"],
  when: ({ crop, resize, cropScale }: Crop) => crop === "center" || resize === "cover" || (cropScale[1] ?? 1) > 1,
  want: "--crop-scale above 1, since --resize squash leaves nothing to crop",
} as const;

export const VQ_RULES: readonly IdleRule<typeof vqOptions>[] = [
  {
    names: [
      ...(["architecture", "imageSize", "channels", "patchSize", "head", "positions"] as const),
      ...(["encoder", "encoderDim", "encoderDepth", "encoderHeads", "encoderMlpDim"] as const),
      ...(["codebookSize", "codeDim", "codeDepth", "l2Norm", "straightThrough", "codebookInit"] as const),
      ...(["codebookUpdate", "codebookDecay", "codebookRestart", "quantizeFrom", "restartEvery"] as const),
      ...(["vqWeight", "commitment", "vqReduction"] as const),
    ],
    when: ({ freezeEncoder }) => freezeEncoder === undefined,
    want: "a call without --freeze-encoder",
  },
  {
    names: [
      ...(["encoder", "encoderDim", "encoderDepth", "encoderHeads", "encoderMlpDim"] as const),
      ...(["decoder", "decoderDim", "decoderDepth", "decoderHeads", "decoderMlpDim"] as const),
      ...(["patchSize", "activation", "head", "positions"] as const),
    ],
    when: ({ architecture }) => architecture === "vit",
    want: "--architecture vit",
  },
  {
    names: ["cnnWidth", "cnnMultipliers", "cnnBlocks", "cnnAttention", "cnnLatentDim", "cnnGroups"],
    when: ({ architecture }) => architecture === "cnn",
    want: "--architecture cnn",
  },
  {
    names: ["codebookDecay", "codebookRestart"],
    when: ({ codebookUpdate }) => codebookUpdate === "ema",
    want: "--codebook-update ema",
  },
  {
    names: ["restartEvery"],
    when: ({ codebookUpdate }) => codebookUpdate === "gradient",
    want: "--codebook-update gradient",
  },
  {
    names: [
      ...(["adversarialForm", "adversarialAdaptive", "adversarialStart"] as const),
      ...(["discriminator", "discriminatorScale", "r1Gamma", "r1Every"] as const),
    ],
    when: ({ adversarialWeight }) => adversarialWeight > 0,
    want: "an --adversarial-weight above 0",
  },
  {
    names: ["perceptualForm", "vgg", "lpips"],
    when: (config) => perceptualWeightOf(config) > 0,
    want: "--vgg and a --perceptual-weight above 0",
  },
  {
    names: ["codebookInit"],
    when: ({ codebookUpdate, quantizeFrom }) => codebookUpdate === "ema" || quantizeFrom === 0,
    want: "--quantize-from 0, since every code is put onto a latent there",
  },
  CROP_RULE,
];

export const VIM_RULES: readonly IdleRule<typeof vimOptions>[] = [
  {
    names: ["tokenizer", "labels", "strict", "resize", "crop", "cropScale", "flip"],
    when: ({ data }) => data !== undefined,
    want: "--data",
  },
  { names: ["weights"], when: ({ tokens = [] }) => tokens.length > 1, want: "two token files or more" },
  { names: ["holdOut"], when: ({ val }) => val === undefined, want: "no --val, which is scored instead" },
  {
    names: ["sampleEvery", "stopAfter"],
    when: ({ val, holdOut }) => val !== undefined || holdOut !== undefined,
    want: "--val or --hold-out",
  },
  {
    names: ["beta2Schedule", "updateClip"],
    when: ({ optimizer }) => optimizer === "adafactor",
    want: "--optimizer adafactor",
  },
  {
    names: ["beta2"],
    when: ({ beta2Schedule }) => beta2Schedule === "constant",
    want: "--beta2-schedule constant",
  },
  { names: ["classDropout"], when: ({ unconditional }) => !unconditional, want: "no --unconditional" },
  CROP_RULE,
];

export const ENCODE_RULES: readonly IdleRule<typeof encodeOptions>[] = [
  { names: ["crop", "cropScale", "flip", "seed"], when: ({ views }) => views > 1, want: "--views 2 or more" },
  { names: ["cropScale", "seed"], when: ({ crop }) => crop === "random", want: "--crop random" },
  CROP_RULE,
];

export const DECODE_RULES: readonly IdleRule<typeof decodeOptions>[] = [
  { names: ["columns"], when: ({ out }) => isPicture(out), want: "a .png file as --out" },
];

export const EVALUATE_RULES: readonly IdleRule<typeof evaluateOptions>[] = [
  {
    names: [
      ...(["tokenizer", "vgg", "lpips", "inception", "inceptionProtocol", "statistics", "features"] as const),
      ...(["samples", "real", "copyDistance", "labels", "strict", "resize"] as const),
    ],
    when: ({ vim }) => vim === undefined,
    want: "a call without --vim",
  },
  {
    names: ["inceptionProtocol", "statistics"],
    when: ({ inception }) => inception !== undefined,
    want: "--inception",
  },
  {
    names: ["data", "tokenizer", "checkpoint", "vgg", "lpips"],
    when: ({ samples }) => samples === undefined,
    want: "a call without --samples",
  },
  { names: ["reference"], when: ({ samples, vim }) => (samples ?? vim) !== undefined, want: "--samples or --vim" },
  { names: ["real", "copyDistance"], when: ({ samples }) => samples !== undefined, want: "--samples" },
];

export const EXPORT_RULES: readonly IdleRule<typeof exportOptions>[] = [
  { names: ["batchSize"], when: ({ format }) => format !== "safetensors", want: "--format onnx or all" },
];

export const BENCH_RULES: readonly IdleRule<typeof benchOptions>[] = [
  { names: ["seconds"], when: ({ steps }) => steps === undefined, want: "a call without --steps" },
  {
    names: ["data"],
    when: ({ measurements = [] }) => measurementsNamed(measurements).includes("data"),
    want: "the measurement data",
  },
];

export const CLASSIFY_RULES: readonly IdleRule<typeof classifyOptions>[] = [
  {
    names: ["tokenizer", "checkpoint", "labels", "strict", "resize"],
    when: ({ data }) => !isTokenFile(data),
    want: "images instead of a token file",
  },
  { names: ["format"], when: ({ out }, json) => out !== undefined || !json, want: "--out, or no --json" },
];

export const PROBE_RULES: readonly IdleRule<typeof probeOptions>[] = [
  { names: ["pixelSize"], when: ({ rawPixels }) => rawPixels, want: "no --no-raw-pixels" },
  {
    names: ["trainData", "testData"],
    when: ({ rawPixels, stage1 }) => rawPixels || stage1,
    want: "a baseline of images, not both --no-raw-pixels and --no-stage1",
  },
  {
    // A classifier that is written says where the tokenizer is.
    names: ["tokenizer"],
    when: ({ stage1, out, save }) => stage1 || (out ?? save) !== undefined,
    want: "no --no-stage1, or a place for the classifier (--out, --save)",
  },
  {
    names: ["seed"],
    when: ({ randomInit, l2, fractions }) => randomInit || l2 === undefined || fractions !== undefined,
    want: "something random: no --no-random-init, no --l2, or --fractions",
  },
];
