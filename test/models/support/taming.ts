/** The golden tensors of `fixtures/golden/taming_tiny.py` by the group their name starts with. */
import type { NamedHostTensors } from "../../../lib/engine/types.js";
import { readHostTensors } from "../../../lib/files/hostTensors.js";
import type { CnnVqganConfig } from "../../../lib/models/cnnVqgan.js";
import { fixture } from "../../support.js";

/** The network of `cnn_vqgan_tiny.safetensors`. */
export const GOLDEN_CONFIG: CnnVqganConfig = {
  imageSize: 16,
  channels: 3,
  width: 4,
  widthMultipliers: [1, 2],
  blocksPerLevel: 2,
  attentionSides: [8],
  latentDim: 4,
  groups: 2,
  codebookSize: 16,
  codeDim: 3,
  l2Norm: false,
  commitment: 0.25,
  straightThrough: "raw",
  vqReduction: "mean",
  logitLaplace: false,
};

export type TensorGroups = { readonly [prefix: string]: NamedHostTensors };

/** Tensors of a golden file as `groups[prefix][rest of the name]`, cut at the first point. */
export async function tensorGroups(file: string): Promise<TensorGroups> {
  const { tensors } = await readHostTensors(fixture("golden", file));
  const groups: Record<string, NamedHostTensors> = {};
  for (const [name, tensor] of Object.entries(tensors)) {
    const [prefix, ...rest] = name.split(".") as [string, ...string[]];
    groups[prefix] = { ...groups[prefix], [rest.join(".")]: tensor };
  }
  return groups;
}
