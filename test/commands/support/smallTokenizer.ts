/** A tokenizer with random weights, for tests that need one to work but not to be good. */
import { openRun } from "../../../lib/files/runDirectory.js";
import { type VitVqganConfig, vitVqganSpec } from "../../../lib/models/vitVqgan.js";
import { flattenSpecs, initialise } from "../../../lib/nn/params.js";

const STACK = { dim: 16, depth: 1, heads: 2, mlpDim: 32, activation: "gelu" } as const;

/** 32 x 32 RGB, 16 codes an image. */
export const smallTokenizer: VitVqganConfig = {
  imageSize: 32,
  channels: 3,
  patchSize: 8,
  encoder: STACK,
  decoder: STACK,
  codebookSize: 16,
  codeDim: 4,
  l2Norm: true,
  commitment: 0.25,
  straightThrough: "normalized",
  vqReduction: "mean",
  head: "tanh",
  positions: "sincos",
  logitLaplace: false,
};

/** Writes a finished run of train-vq; with `black` it reconstructs every image as black. */
export async function writeTokenizer(
  folder: string,
  { black = false, logitLaplace = false, imageSize = smallTokenizer.imageSize, seed = 1 } = {},
): Promise<string> {
  const model: VitVqganConfig = { ...smallTokenizer, logitLaplace, imageSize };
  const weights = initialise(flattenSpecs(vitVqganSpec(model)), seed);
  if (black) {
    weights["decoder/pixels/kernel"]!.data.fill(0);
    weights["decoder/pixels/bias"]!.data.fill(-1); // clipped to 0
  }
  const run = await openRun(folder, { mode: "new", command: "train-vq" });
  await run.writeConfig({ command: "train-vq", model });
  await run.finish(weights, { step: 1 });
  await run.close();
  return folder;
}
