/** Weights of the perceptual loss out of the files that torchvision, LPIPS and trainings with it write. */
import type { NamedHostTensors } from "../../engine/types.js";
import { FileError } from "../../errors.js";
import { LPIPS, type PerceptualConfig } from "../../losses/perceptual.js";
import { type ForeignFile, foreignTensor, importParams } from "./params.js";
import { vgg16Weights } from "./vgg16Weights.js";

/** Where the weights come from. */
export type PerceptualFiles = {
  /** torchvision's `vgg16`, a whole LPIPS, or a checkpoint with one below `loss.perceptual_loss.`. */
  readonly vgg: ForeignFile;
  /** The package's weights of channels, if they are not in the same file. */
  readonly calibration?: ForeignFile;
};

/**
 * Our parameters from other programs' files.
 * @throws FileError naming all tensors that are missing, of another shape or type, or unexpected
 */
export function perceptualWeights(
  { vgg, calibration = vgg }: PerceptualFiles,
  config: PerceptualConfig = LPIPS,
): NamedHostTensors {
  const network = vgg16Weights(lpipsPart(vgg), config);
  const weights: NamedHostTensors = {};
  for (const [name, tensor] of Object.entries(network)) weights[`vgg/${name}`] = tensor;
  return config.form === "lpips" ? { ...weights, ...calibrationWeights(lpipsPart(calibration), config) } : weights;
}

function calibrationWeights(file: ForeignFile, { widths }: PerceptualConfig): NamedHostTensors {
  expectScaling(file);
  const params = widths.map((C, level) => [
    `calibration/${level}`,
    foreignTensor(`lin${level}.model.1.weight`, [C], [1, C, 1, 1]),
  ]);
  return importParams(file, {
    model: `LPIPS on VGG-16 with ${widths.join(", ")} channels`,
    params: Object.fromEntries(params),
    leftOut: /^(scaling_layer|net|lins)\./,
  });
}

const IN_CHECKPOINT = "loss.perceptual_loss.";

/** What is below `loss.perceptual_loss.`, or all where nothing is. */
function lpipsPart(file: ForeignFile): ForeignFile {
  const own = Object.entries(file.tensors).filter(([name]) => name.startsWith(IN_CHECKPOINT));
  if (own.length === 0) return file;
  const tensors = own.map(([name, tensor]) => [name.slice(IN_CHECKPOINT.length), tensor]);
  return { what: `${file.what}, below ${IN_CHECKPOINT}`, tensors: Object.fromEntries(tensors) };
}

/** Mean and deviation of pixels in [-1, 1] that LPIPS 0.1 stores: those of ImageNet, which `vgg16Features` has. */
const SCALING = { "scaling_layer.shift": [-0.03, -0.088, -0.188], "scaling_layer.scale": [0.458, 0.448, 0.45] };

function expectScaling({ what, tensors }: ForeignFile): void {
  for (const [name, wanted] of Object.entries(SCALING)) {
    const data = tensors[name]?.data;
    if (data && !wanted.every((value, i) => Math.abs(value - data[i]!) < 1e-6))
      throw new FileError(`${what}: ${name} wants ${wanted.join(", ")} as in LPIPS 0.1, got ${data.join(", ")}`);
  }
}
