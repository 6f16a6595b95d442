/** The golden stage 2 of the port. */
import type { NamedHostTensors } from "../../../lib/engine/types.js";
import { readHostTensors } from "../../../lib/files/hostTensors.js";
import { fromPortPrior, type PortedPrior } from "../../../lib/models/foreign/portPrior.js";
import type { Filter } from "../../../lib/sample/draw.js";
import { fixture } from "../../support.js";
import { tensorGroups } from "./taming.js";

const NAME = "gpt_tiny.safetensors";
const HEADS = 4;

export type GoldenGpt = PortedPrior & {
  /** By the port's names. */
  readonly params: NamedHostTensors;
  /** By ours. */
  readonly gradients: NamedHostTensors;
  readonly classIds: Int32Array;
  readonly codes: Int32Array;
  /** Everything in the file, by its names. */
  readonly all: NamedHostTensors;
  /** How `sample.codes` were drawn. */
  readonly filter: Filter;
};

export async function goldenGpt(): Promise<GoldenGpt> {
  const { param, grad } = await tensorGroups(NAME);
  const { tensors: all, metadata } = await readHostTensors(fixture("golden", NAME));
  const { temperature, top_k, top_p } = JSON.parse(metadata["sampling"]!) as Record<string, number>;
  return {
    ...fromPortPrior(param!, { heads: HEADS }),
    params: param!,
    gradients: fromPortPrior(grad!, { heads: HEADS }).tensors,
    classIds: all["in.class"]!.data as Int32Array,
    codes: all["in.codes"]!.data as Int32Array,
    all,
    filter: { temperature: temperature!, topK: top_k!, topP: top_p! },
  };
}
