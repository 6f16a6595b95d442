/** The configuration of a published VQGAN (taming-transformers) from the names and shapes of its tensors. */
import type { HostTensor } from "../../engine/types.js";
import { FileError } from "../../errors.js";
import type { CnnVqganConfig } from "../cnnVqgan.js";

/** What the shapes do not tell. */
export type TamingOptions = {
  /** Named in errors; "the state dict" when absent. */
  readonly source?: string;
  /** Side of the images in pixels; 256, as in all published models, when absent. */
  readonly imageSize?: number;
  /** Groups of all group norms; 32, as in all published models, when absent. */
  readonly groups?: number;
};

type Shapes = Readonly<Record<string, Pick<HostTensor, "shape">>>;

const QUANTIZER = { l2Norm: false, commitment: 0.25, straightThrough: "raw", vqReduction: "mean" } as const;

const [CONV_IN, CONV_OUT] = ["encoder.conv_in.weight", "encoder.conv_out.weight"] as const; // [to, from, 3, 3]
const [CODEBOOK, TO_CODES] = ["quantize.embedding.weight", "quant_conv.weight"] as const; // [K, Dc], [Dc, from, 1, 1]

/**
 * The configuration whose parameters `fromTaming` then finds, or names as missing.
 * @throws FileError when the tensors that tell it are not there, or not of 1 or 3 channels
 */
export function tamingModel(named: Shapes, options: TamingOptions = {}): CnnVqganConfig {
  const { source = "the state dict", imageSize = 256, groups = 32 } = options;
  const levels = Array.from({ length: childrenOf("encoder.down", named) }, (_, i) => `encoder.down.${i}`);
  const firstKernel = (level: string) => `${level}.block.0.conv1.weight`; // [to, from, 3, 3]
  expectTelling(named, source, [CONV_IN, ...levels.map(firstKernel), CONV_OUT, CODEBOOK, TO_CODES]);
  const size = (name: string, axis: number) => named[name]!.shape[axis]!;
  const width = size(CONV_IN, 0);
  const channels = size(CONV_IN, 1);
  if (channels !== 1 && channels !== 3)
    throw new FileError(`${source}: want images of 1 or 3 channels, got ${channels}`);
  const attends = (level: string) => childrenOf(`${level}.attn`, named) > 0;
  return {
    imageSize,
    channels,
    width,
    widthMultipliers: levels.map((level) => size(firstKernel(level), 0) / width),
    blocksPerLevel: childrenOf("encoder.down.0.block", named),
    attentionSides: levels.flatMap((level, i) => (attends(level) ? [imageSize / 2 ** i] : [])),
    latentDim: size(CONV_OUT, 0),
    groups,
    codebookSize: size(CODEBOOK, 0),
    codeDim: size(TO_CODES, 0),
    ...QUANTIZER,
    logitLaplace: false,
  };
}

/** How many different names follow `parent`. */
function childrenOf(parent: string, named: Shapes): number {
  const below = Object.keys(named).filter((name) => name.startsWith(`${parent}.`));
  return new Set(below.map((name) => name.slice(parent.length + 1).split(".")[0])).size;
}

function expectTelling(named: Shapes, source: string, names: readonly string[]): void {
  const wrong = names.flatMap((name) => {
    const [shape, axes] = [named[name]?.shape, name === CODEBOOK ? 2 : 4];
    if (shape?.length === axes) return [];
    return [shape ? `${name}: want ${axes} axes, got [${shape.join(", ")}]` : `${name} is missing`];
  });
  if (wrong.length > 0) throw new FileError(`${source} is not a VQGAN of taming-transformers: ${wrong.join("; ")}`);
}
