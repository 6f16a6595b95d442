/** Weights of VGG-16 as torchvision and LPIPS publish them. */
import type { NamedHostTensors } from "../../engine/types.js";
import { VGG16, type Vgg16Config, vgg16Spec } from "../vgg16.js";
import { type ForeignFile, type ForeignParam, foreignTensor, importParams, torchKernel } from "./params.js";

/**
 * Our parameters from a file of torchvision's `vgg16` (`features.{n}.weight`; its classifier is left out) or of LPIPS
 * (`net.slice{level}.{n}.weight`; its calibration is left out).
 * @throws FileError naming all tensors that are missing, of another shape or type, or unexpected
 */
export function vgg16Weights(file: ForeignFile, config: Vgg16Config = VGG16): NamedHostTensors {
  const ofLpips = Object.keys(file.tensors).some((name) => name.startsWith("net."));
  const params: Record<string, ForeignParam> = {};
  let place = 0; // in torchvision's list, where every convolution, ReLU and pooling counts
  for (const [level, convolutions] of vgg16Spec(config).levels.entries()) {
    for (const [i, { kernel }] of convolutions.entries()) {
      const ours = `levels/${level}/${i}`;
      const theirs = `${ofLpips ? `net.slice${level + 1}` : "features"}.${place}`;
      params[`${ours}/kernel`] = torchKernel(`${theirs}.weight`, kernel.shape);
      params[`${ours}/bias`] = foreignTensor(`${theirs}.bias`, [kernel.shape.at(-1)!]);
      place += 2; // and its ReLU
    }
    place++; // the pooling
  }
  const leftOut = ofLpips ? /^(scaling_layer|lin\d|lins)\./ : /^classifier\./;
  return importParams(file, { model: `VGG-16 with ${config.widths.join(", ")} channels`, params, leftOut });
}
