/** A saved linear probe at work: codes of images in, probabilities of classes out. */
import * as tf from "@tensorflow/tfjs";
import { fullPrecision } from "../engine/traceBackend.js";
import type { Engine, NamedHostTensors, NamedTensors } from "../engine/types.js";
import { FileError } from "../errors.js";
import { readModel } from "../files/readModel.js";
import { readClassifier, type StoredClassifier } from "./classifierFile.js";
import { compileOnCodes, pooledName } from "./codeProgram.js";

export type OpenClassifierOptions = {
  readonly engine: Engine;
  /** Most images in one run of the graph. */
  readonly batchSize: number;
  /** Run or file of the VIM, where it is no longer at the place that the classifier names. */
  readonly vim?: string | undefined;
};

export type Classifier = {
  /** Names of classes 0, 1, ... K - 1. */
  readonly classNames: readonly string[];
  /** What the file says of it, but for its weights, which are part of the program. */
  readonly stored: Omit<StoredClassifier, "tensors">;
  /**
   * Probabilities [N * K] of codes [N, T], row by row; each row sums to 1.
   * @throws RangeError when the codes are no whole rows
   */
  classify(codes: Int32Array): Promise<Float32Array>;
  close(): Promise<void>;
};

/**
 * Opens a classifier with the VIM it belongs to and compiles both into one program:
 * `softmax(((mean_t tokens_t - mean) / scale) W + b)`, the tokens being those of its block.
 * @throws FileError when the file is damaged, or the VIM is gone or has other weights than it was fitted to
 */
export async function openClassifier(file: string, options: OpenClassifierOptions): Promise<Classifier> {
  const { engine, batchSize } = options;
  const stored = await readClassifier(file);
  const { tensors, ...described } = stored;
  const { classNames, block, vim } = described;
  const program = await compileOnCodes({
    engine,
    model: vim.model,
    weights: await vimWeights(stored, options.vim),
    givesUpWeights: true,
    blocks: [block],
    batchSize,
    name: "classify",
    step: (pooled, inputs) => ({ probabilities: probabilities(pooled[pooledName(block)]!, inputs) }),
    more: Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [PREFIX + name, tensor])),
  });
  return {
    classNames,
    stored: described,
    classify: async (codes) => (await program.run(codes))["probabilities"] ?? new Float32Array(0),
    close: program.close,
  };
}

/**
 * Checks that the VIM of a classifier is there, so that `openClassifier` will find it hours later.
 * @param given where it is, if no longer at the place that the classifier names
 * @throws FileError when it is gone or has other weights than the classifier was fitted to
 */
export async function expectVim(stored: StoredClassifier, given?: string): Promise<void> {
  await vimWeights(stored, given);
}

/**
 * The VIM's weights from where the classifier says they are, or from `given`.
 * @throws FileError when they are not there, or others
 */
async function vimWeights({ path, vim }: StoredClassifier, given: string | undefined): Promise<NamedHostTensors> {
  const { tensors, hash } = await readModel(given ?? vim.file).catch((error: unknown) => {
    if (!(error instanceof FileError) || given !== undefined) throw error;
    throw new FileError(`${path}: the VIM it was fitted to is not where it was: ${error.message}`, { cause: error });
  });
  if (hash === vim.hash) return tensors;
  throw new FileError(
    `${path}: it was fitted to a VIM with the weights ${short(vim.hash)}, ${given ?? vim.file} has ${short(hash)}; ` +
      "name the right VIM, or probe this one",
  );
}

const PREFIX = "classifier/";

/** Of features [B, D]: [B, C]. */
function probabilities(features: tf.Tensor, inputs: NamedTensors): tf.Tensor {
  const of = (name: string) => inputs[PREFIX + name]!;
  const standard = tf.div(tf.sub(features, of("mean")), of("scale"));
  const products = fullPrecision(() => tf.matMul(standard, of("weights"))); // as it was fitted
  return tf.softmax(tf.add(products, of("bias")));
}

const short = (hash: string): string => hash.slice(0, 12);
