/** The discriminators behind one function; a configuration says by its `kind` which it is. */
import type * as tf from "@tensorflow/tfjs";
import type { NamedTensors } from "../engine/types.js";
import { paramTree, type SpecTree } from "../nn/params.js";
import { discriminatePatches, type PatchDiscriminatorConfig, patchDiscriminatorSpec } from "./patchDiscriminator.js";
import {
  discriminate,
  discriminatorSpec,
  type DiscriminatorConfig as StyleganConfig,
} from "./styleganDiscriminator.js";

export type DiscriminatorConfig =
  | (StyleganConfig & { readonly kind: "stylegan" })
  | (PatchDiscriminatorConfig & { readonly kind: "patch" });

export type Discriminator = {
  /** All parameters. */
  readonly spec: SpecTree;
  /** Logits, [B] or [B, h, w, 1], of images [B, S, S, C] in [-1, 1]; `params` are the parameters by path. */
  judge(params: NamedTensors, images: tf.Tensor): tf.Tensor;
};

/** @throws RangeError when the image is too small for the network */
export function discriminatorOf(config: DiscriminatorConfig): Discriminator {
  if (config.kind === "patch") {
    const spec = patchDiscriminatorSpec(config);
    return { spec, judge: (params, images) => discriminatePatches(paramTree(spec, params), config, images) };
  }
  const spec = discriminatorSpec(config);
  return { spec, judge: (params, images) => discriminate(paramTree(spec, params), config, images) };
}
