/** torchvision's `vgg16`: the names and shapes of its file. */
import type { HostTensor } from "../../../lib/engine/types.js";
import { sizeOf } from "../../../lib/shapes.js";

/** The convolutions of torchvision's `vgg16`. */
export const TORCHVISION: readonly (readonly [index: number, to: number, from: number])[] = [
  [0, 64, 3],
  [2, 64, 64],
  [5, 128, 64],
  [7, 128, 128],
  [10, 256, 128],
  [12, 256, 256],
  [14, 256, 256],
  [17, 512, 256],
  [19, 512, 512],
  [21, 512, 512],
  [24, 512, 512],
  [26, 512, 512],
  [28, 512, 512],
];
const CLASSIFIER: Readonly<Record<string, readonly number[]>> = {
  "classifier.0.weight": [4096, 25088],
  "classifier.0.bias": [4096],
  "classifier.3.weight": [4096, 4096],
  "classifier.3.bias": [4096],
  "classifier.6.weight": [1000, 4096],
  "classifier.6.bias": [1000],
};

/** A tensor of zeros but for `first` at the beginning. */
export function marked(shape: readonly number[], first: number): HostTensor {
  const data = new Float32Array(sizeOf(shape));
  data[0] = first;
  return { dtype: "float32", shape, data };
}

/** A file of torchvision as it is published (the classifier's data, which nothing may read, left away). */
export function torchvision(): Record<string, HostTensor> {
  const tensors: Record<string, HostTensor> = {};
  for (const [index, to, from] of TORCHVISION) {
    tensors[`features.${index}.weight`] = marked([to, from, 3, 3], index + 1);
    tensors[`features.${index}.bias`] = marked([to], -index - 1);
  }
  for (const [name, shape] of Object.entries(CLASSIFIER))
    tensors[name] = { dtype: "float32", shape, data: new Float32Array(0) };
  return tensors;
}
