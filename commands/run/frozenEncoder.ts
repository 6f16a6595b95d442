/** Training a decoder for codes that are there: encoder and codebook come from another run and stay as they are. */
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { UsageError } from "../../lib/errors.js";
import { isConvolutional } from "../../lib/models/tokenizer.js";
import type { VitVqganConfig } from "../../lib/models/vitVqgan.js";
import type { TokenizerTask } from "../../lib/train/tokenizerSteps.js";
import { loadTokenizer } from "../support/models.js";
import type { TrainVqConfig } from "../trainVq.js";

export type FrozenEncoder = {
  readonly model: VitVqganConfig;
  /** `encoder/*` and `quantizer/*`. */
  readonly weights: NamedHostTensors;
};

const FROZEN = ["encoder/", "quantizer/"] as const;

/**
 * Encoder and codebook of a finished run, undefined where none is asked for.
 * @throws UsageError when it is a CNN-VQGAN, whose decoder can have no widths but its encoder's
 */
export async function frozenEncoder(config: TrainVqConfig): Promise<FrozenEncoder | undefined> {
  const { freezeEncoder, architecture } = config;
  if (freezeEncoder === undefined) return undefined;
  if (architecture !== "vit") throw new UsageError("--freeze-encoder: trains a ViT decoder; want no preset of CNNs");
  const { model, weights } = await loadTokenizer(freezeEncoder);
  if (isConvolutional(model))
    throw new UsageError(`--freeze-encoder: want a ViT-VQGAN, got a CNN-VQGAN in ${freezeEncoder}`);
  const frozen = Object.entries(weights).filter(([name]) => FROZEN.some((prefix) => name.startsWith(prefix)));
  return { model, weights: Object.fromEntries(frozen) };
}

/** The options with what the frozen run settles: images, grid, codes, and that no code moves. */
export function withFrozen(config: TrainVqConfig, frozen: FrozenEncoder | undefined): TrainVqConfig {
  if (!frozen) return config;
  const { imageSize, patchSize, head, positions, codebookSize, codeDim, codeDepth = 1 } = frozen.model;
  const channels = frozen.model.channels as TrainVqConfig["channels"];
  const taken = { imageSize, channels, patchSize, head, positions, codebookSize, codeDim, codeDepth };
  const still = { vqWeight: 0, quantizeFrom: 0, restartEvery: 0 } as const;
  return { ...config, architecture: "vit", ...taken, codebookUpdate: "gradient", ...still };
}

/** The task with the frozen model's encoder and quantizer in place of those that the options describe. */
export function freezeTask(task: TokenizerTask, frozen: FrozenEncoder | undefined): TokenizerTask {
  if (!frozen || isConvolutional(task.model)) return task;
  const { decoder, logitLaplace } = task.model;
  return { ...task, model: { ...frozen.model, decoder, logitLaplace }, frozen: FROZEN };
}
