/** Weights for LPIPS by the published names and sizes, made of hashes. */
import type { HostTensor, NamedHostTensors } from "../../../lib/engine/types.js";
import { VGG16 } from "../../../lib/models/vgg16.js";
import { streamSeed, uniformAt } from "../../../lib/random.js";
import { sizeOf } from "../../../lib/shapes.js";
import { TORCHVISION } from "../../models/support/torchvision.js";

/** The convolutions of torchvision's `vgg16`, which keep the size of features from layer to layer. */
export function hashedVgg(): NamedHostTensors {
  const tensors: NamedHostTensors = {};
  for (const [place, to, from] of TORCHVISION) {
    const bound = Math.sqrt(6 / (9 * from));
    tensors[`features.${place}.weight`] = hashed(`w${place}`, [to, from, 3, 3], (u) => (2 * u - 1) * bound);
    tensors[`features.${place}.bias`] = hashed(`b${place}`, [to], (u) => 0.2 * u - 0.1);
  }
  return tensors;
}

/** LPIPS's weights of channels. */
export function hashedCalibration(): NamedHostTensors {
  const levels = VGG16.widths.map((C, level) => {
    const name = `lin${level}.model.1.weight`;
    return [name, hashed(name, [1, C, 1, 1], (u) => u)] as const;
  });
  return Object.fromEntries(levels);
}

function hashed(name: string, shape: readonly number[], value: (uniform: number) => number): HostTensor {
  const data = new Float32Array(sizeOf(shape));
  const seed = streamSeed(11, name);
  for (let i = 0; i < data.length; i++) data[i] = value(uniformAt(i, seed));
  return { dtype: "float32", shape, data };
}
