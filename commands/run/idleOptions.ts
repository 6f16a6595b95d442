/** Options of train-vq that would change nothing beside others. */
import { UsageError } from "../../lib/errors.js";
import type { CommandContext } from "../support/command.js";
import { flagOf } from "../support/options.js";
import type { options, TrainVqConfig } from "../trainVq.js";
import { perceptualWeightOf } from "./perceptualNetwork.js";

type Rule = {
  readonly names: readonly (keyof TrainVqConfig)[];
  /** Whether these options count. */
  readonly when: (config: TrainVqConfig) => boolean;
  /** What would make them count. */
  readonly want: string;
};

const RULES: readonly Rule[] = [
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
];

/** @throws UsageError naming an option that was typed, or stands in the config file, and changes nothing */
export function refuseIdleOptions({ config, origins }: CommandContext<typeof options>): void {
  for (const { names, when, want } of RULES) {
    if (when(config)) continue;
    const idle = names.find((name) => ["flag", "file"].includes(origins[name]?.kind ?? "default"));
    if (idle === undefined) continue;
    throw new UsageError(`${flagOf(idle)}: changes nothing here; it wants ${want}. Leave it out`);
  }
}
