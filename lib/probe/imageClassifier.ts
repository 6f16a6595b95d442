/** A classifier of images that another program trained, an ONNX file: images in, probabilities of its outputs out. */
import { decodeImage } from "../data/decode.js";
import type { View } from "../data/view.js";
import { type OnnxModel, type OnnxTensorInfo, openOnnxModel } from "../engine/onnxModel.js";
import type { OnnxEngineOptions } from "../engine/onnxruntime.js";
import { FileError } from "../errors.js";
import { sizeOf } from "../shapes.js";
import type { ClassifierSpec } from "./classifierSpec.js";

/** Images [N, H, W, C] in [0, 1]. */
export type Images = {
  readonly images: Float32Array;
  readonly size: { readonly height: number; readonly width: number; readonly channels: 1 | 3 };
};

export type ImageClassifier = {
  /** C, where the model says it. */
  readonly outputs: number | undefined;
  /**
   * Probabilities [N * C], row by row; each row sums to 1.
   * @throws FileError when the model gives other than a row of scores for each image
   */
  classify(images: Images): Promise<Float32Array>;
  close(): Promise<void>;
};

export type ImageClassifierOptions = OnnxEngineOptions & {
  readonly spec: ClassifierSpec;
  /** Images in a run, where the model leaves it open. */
  readonly batchSize: number;
};

/**
 * Opens an ONNX classifier. An image is brought to 8 bits a channel, as in its PNG, resized and cropped, then
 * `((black + pixel (white - black)) - mean) / std`; logits become probabilities by softmax.
 * @throws FileError when the file is no model of images that the spec fits
 */
export async function openImageClassifier(file: string, options: ImageClassifierOptions): Promise<ImageClassifier> {
  const model = await openOnnxModel(file, options);
  try {
    const input = inputGeometry(file, model.inputs, options.spec);
    const output = scoresOutput(file, model.outputs, options.spec);
    return {
      outputs: columnsOf(output.shape),
      classify: async (images) => {
        const scores = await scoresOf({ file, model, input, output: output.name, ...options }, images);
        return probabilitiesOf(scores, options.spec.output);
      },
      close: model.close,
    };
  } catch (error) {
    await model.close();
    throw error;
  }
}

/** What the input of a classifier wants. */
export type InputGeometry = {
  readonly name: string;
  readonly layout: "NCHW" | "NHWC";
  readonly channels: 1 | 3;
  /** Side of the square, in pixels. */
  readonly size: number;
  /** Images in a run, where it is fixed. */
  readonly batch: number | undefined;
};

/**
 * Layout, channels and size of the only input, from its shape where that says them and from the spec where it does not.
 * @throws FileError when they stay open, contradict each other, or are none of an image
 */
export function inputGeometry(file: string, inputs: readonly OnnxTensorInfo[], spec: ClassifierSpec): InputGeometry {
  const [input] = inputs;
  const described = inputs.map(({ name, type, shape }) => `${name} ${type} [${shape.join(", ")}]`).join(", ");
  const refuse = (want: string) => new FileError(`${file}: want ${want}, got ${described || "no input"}`);
  if (!input || inputs.length !== 1 || input.type !== "float32" || input.shape.length !== 4)
    throw refuse("a model with one input of images, float32 [N, C, H, W] or [N, H, W, C]");
  const [batch, ...rest] = input.shape.map((dim) => (typeof dim === "number" && dim > 0 ? dim : undefined));
  const isColour = (dim: number | undefined) => dim === 1 || dim === 3;
  const likely = isColour(rest[0]) === isColour(rest[2]) ? undefined : isColour(rest[0]) ? "NCHW" : "NHWC";
  const layout = spec.layout ?? likely;
  if (layout === undefined) throw refuse('a shape that tells its layout, or "layout" in the classifier\'s spec');
  const [channels, height, width] = layout === "NCHW" ? rest : [rest[2], rest[0], rest[1]];
  if (channels !== 1 && channels !== 3) throw refuse(`1 or 3 channels where ${layout} has them`);
  const size = height ?? width ?? spec.size;
  if (size === undefined) throw refuse('a fixed side, or "size" in the classifier\'s spec');
  const others = [height, width, spec.size].filter((each) => each !== undefined && each !== size);
  if (others.length > 0) throw refuse(`one side for height, width and the spec's size (${size} or ${others[0]})`);
  if (spec.resize !== undefined && spec.resize < size)
    throw refuse(`a "resize" of at least ${size}, which is cropped from it (${spec.resize} in the spec)`);
  const each = [spec.mean, spec.std].find((values) => values && values.length > channels);
  if (each) throw refuse(`mean and std for ${channels} channel (${each.length} numbers in the spec)`);
  return { name: input.name, layout, channels, size, batch };
}

function scoresOutput(file: string, outputs: readonly OnnxTensorInfo[], { outputName }: ClassifierSpec) {
  const names = outputs.map(({ name }) => name).join(", ");
  const output = outputName === undefined ? outputs[0] : outputs.find(({ name }) => name === outputName);
  if (!output) throw new FileError(`${file}: want an output ${outputName ?? "of scores"}, got ${names || "none"}`);
  if (outputName === undefined && outputs.length > 1)
    throw new FileError(`${file}: want "outputName" in the classifier's spec, one of ${names}`);
  if (output.type !== "float32")
    throw new FileError(`${file}: want scores of type float32, ${output.name} is ${output.type}`);
  return output;
}

/** Scores of an image, where a shape says it: [N, C], and [N, C, 1, 1] as after pooling. */
function columnsOf([, ...rest]: OnnxTensorInfo["shape"]): number | undefined {
  const known = rest.filter((dim): dim is number => typeof dim === "number" && dim > 0);
  return known.length === 0 || known.length < rest.length ? undefined : sizeOf(known);
}

type Scores = { readonly values: Float32Array; readonly columns: number };

type Work = Omit<ImageClassifierOptions, "threads"> & {
  readonly file: string;
  readonly model: OnnxModel;
  readonly input: InputGeometry;
  readonly output: string;
};

/** Rows of scores, batch by batch; the last batch is filled up where the model's size is fixed. */
async function scoresOf(
  { file, model, input, output, spec, batchSize }: Work,
  { images, size }: Images,
): Promise<Scores> {
  const pixels = size.height * size.width * size.channels;
  const count = images.length / pixels;
  const values = input.channels * input.size ** 2;
  let all = new Float32Array(0);
  let columns = 0;
  for (let done = 0; done < count; ) {
    const wanted = Math.min(input.batch ?? batchSize, count - done);
    const rows = input.batch ?? wanted;
    const data = new Float32Array(rows * values);
    for (let i = 0; i < wanted; i++) {
      const image = images.subarray((done + i) * pixels, (done + i + 1) * pixels);
      data.set(await inputOf(image, { size, input, spec }), i * values);
    }
    const { channels, size: side, layout } = input;
    const shape = layout === "NCHW" ? [rows, channels, side, side] : [rows, side, side, channels];
    const scores = await model.run({ [input.name]: { dtype: "float32", shape, data } }, output);
    columns = scores.data.length / rows;
    if (!Number.isInteger(columns) || scores.shape[0] !== rows || columns < 2 || scores.dtype !== "float32")
      throw new FileError(`${file}: want ${rows} rows of scores from ${output}, got [${scores.shape.join(", ")}]`);
    if (done === 0) all = new Float32Array(count * columns);
    all.set(scores.data.subarray(0, wanted * columns), done * columns);
    done += wanted;
  }
  const wrong = all.findIndex((value) => !Number.isFinite(value));
  if (wrong < 0) return { values: all, columns };
  throw new FileError(`${file}: its scores of image ${Math.floor(wrong / columns)} are not finite`);
}

type Preparing = { readonly size: Images["size"]; readonly input: InputGeometry; readonly spec: ClassifierSpec };

/** One image [H, W, C] as the classifier's input takes it. */
async function inputOf(image: Float32Array, { size, input, spec }: Preparing): Promise<Float32Array> {
  const { size: side, channels, layout } = input;
  const view: View = {
    ...{ size: side, channels, kernel: spec.kernel ?? "linear" },
    ...{ resize: "cover", shorterSide: spec.resize ?? side, cropX: 0.5, cropY: 0.5, flip: false },
  };
  const bytes = Uint8Array.from(image, (value) => Math.round(Math.min(1, Math.max(0, value)) * 255));
  const cropped = await decodeImage({ pixels: bytes, ...size }, view);
  const { range: [black, white] = [0, 1], mean = [0], std = [1] } = spec;
  const values = new Float32Array(cropped.length);
  for (let i = 0; i < cropped.length; i++) {
    const c = i % channels;
    const value = black + (cropped[i]! / 255) * (white - black);
    const at = layout === "NHWC" ? i : c * side ** 2 + (i - c) / channels;
    values[at] = (value - mean[c % mean.length]!) / std[c % std.length]!;
  }
  return values;
}

const ROUNDING = 1e-3; // of the sum of a row of probabilities, half precision included

function probabilitiesOf({ values, columns }: Scores, kind: ClassifierSpec["output"]): Float32Array {
  const rows = Array.from({ length: values.length / columns }, (_, i) =>
    values.subarray(i * columns, (i + 1) * columns),
  );
  const sumsToOne = (row: Float32Array) =>
    row.every((value) => value >= 0) && Math.abs(row.reduce((sum, value) => sum + value, 0) - 1) < ROUNDING;
  if (kind === "probabilities" || (kind === undefined && rows.every(sumsToOne))) return values;
  const probabilities = new Float32Array(values.length);
  for (const [i, row] of rows.entries()) {
    const highest = row.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
    const parts = Float64Array.from(row, (logit) => Math.exp(logit - highest));
    const total = parts.reduce((a, b) => a + b, 0);
    for (let c = 0; c < columns; c++) probabilities[i * columns + c] = parts[c]! / total;
  }
  return probabilities;
}
