/** Options of trainings, of `encode` and of `decode`, that would change nothing beside others. */
import { UsageError } from "../../lib/errors.js";
import { options as decodeOptions, isPicture } from "../decode.js";
import { options as encodeOptions } from "../encode.js";
import type { CommandContext } from "../support/command.js";
import { type ConfigOf, flagOf, type OptionTable } from "../support/options.js";
import { options as vimOptions } from "../trainVim.js";
import { options as vqOptions } from "../trainVq.js";
import { perceptualWeightOf } from "./perceptualNetwork.js";

/** Options that count only beside others. */
export type IdleRule<T extends OptionTable> = {
  readonly names: readonly (keyof T & string)[];
  /** Whether these options count. */
  readonly when: (config: ConfigOf<T>) => boolean;
  /** What would make them count. */
  readonly want: string;
};

type Crop = Pick<ConfigOf<typeof encodeOptions>, "crop" | "resize" | "cropScale">;

/** A random crop of what is resized to the square itself, as large as the image. */
const CROP_RULE = {
  names: ["crop"],
  when: ({ crop, resize, cropScale }: Crop) => crop === "center" || resize === "cover" || (cropScale[1] ?? 1) > 1,
  want: "--crop-scale above 1, since --resize squash leaves nothing to crop",
} as const;

const VQ_RULES: readonly IdleRule<typeof vqOptions>[] = [
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

const VIM_RULES: readonly IdleRule<typeof vimOptions>[] = [
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

const ENCODE_RULES: readonly IdleRule<typeof encodeOptions>[] = [
  { names: ["crop", "cropScale", "flip", "seed"], when: ({ views }) => views > 1, want: "--views 2 or more" },
  { names: ["cropScale", "seed"], when: ({ crop }) => crop === "random", want: "--crop random" },
  CROP_RULE,
];

const DECODE_RULES: readonly IdleRule<typeof decodeOptions>[] = [
  { names: ["columns"], when: ({ out }) => isPicture(out), want: "a .png file as --out" },
];

/** @throws UsageError naming an option that was typed, or set in the config file, and changes nothing */
export function refuseIdleOptions(context: CommandContext<typeof vqOptions>): void {
  refuseIdle(context, vqOptions, VQ_RULES);
}

/** @throws UsageError naming an option that was typed, or set in the config file, and changes nothing */
export function refuseIdleVimOptions(context: CommandContext<typeof vimOptions>): void {
  refuseIdle(context, vimOptions, VIM_RULES);
}

/** @throws UsageError naming an option that was typed, or set in the config file, and changes nothing */
export function refuseIdleEncodeOptions(context: CommandContext<typeof encodeOptions>): void {
  refuseIdle(context, encodeOptions, ENCODE_RULES);
}

/** @throws UsageError naming an option that was typed, or set in the config file, and changes nothing */
export function refuseIdleDecodeOptions(context: CommandContext<typeof decodeOptions>): void {
  refuseIdle(context, decodeOptions, DECODE_RULES);
}

/** @throws UsageError naming an option that was typed, or set in the config file, and changes nothing */
export function refuseIdle<T extends OptionTable>(
  { config, origins }: CommandContext<T>,
  options: T,
  rules: readonly IdleRule<T>[],
): void {
  // A file that says what holds anyway may be one that --print-config wrote.
  const isSet = (name: keyof T & string) => {
    const kind = origins[name]?.kind;
    const { default: otherwise = false }: { default?: unknown } = options[name]!;
    return kind === "flag" || (kind === "file" && JSON.stringify(config[name]) !== JSON.stringify(otherwise));
  };
  for (const { names, when, want } of rules) {
    if (when(config)) continue;
    const idle = names.find(isSet);
    if (idle === undefined) continue;
    throw new UsageError(`${flagOf(idle)}: changes nothing here; it wants ${want}. Leave it out`);
  }
}
