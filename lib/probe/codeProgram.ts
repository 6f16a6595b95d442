/** Programs that take codes of images through the first blocks of a frozen VIM. */
import * as tf from "@tensorflow/tfjs";
import { type BatchPlan, compileBatched } from "../engine/batched.js";
import type { Engine, NamedHostTensors, NamedTensors, Step } from "../engine/types.js";
import { weightFeeds, withWeights } from "../engine/weightFeeds.js";
import { noClass, sequenceLength, type VimConfig, vimForward, vimSpec } from "../models/vim.js";
import { flattenSpecs, paramTree } from "../nn/params.js";

/** Blocks of a VIM on an engine. */
export type BlocksOfVim = {
  readonly engine: Engine;
  readonly model: VimConfig;
  readonly weights: NamedHostTensors;
  /** Whether the weights are given up: the data of those that were built in are empty then. */
  readonly givesUpWeights?: boolean;
  /** 1..depth for the output of that block, 0 for the embeddings that the first one takes. */
  readonly blocks: readonly number[];
};

export type CodeProgramOptions = BlocksOfVim & {
  readonly name: string;
  /** Most images in one run of the graph. */
  readonly batchSize: number;
  /**
   * What becomes of the features of the blocks, [B, D] each under its `pooledName`: results are [B, ...].
   * @param inputs all inputs of the program, `more` among them
   */
  readonly step: (pooled: NamedTensors, inputs: NamedTensors) => NamedTensors;
  /** Weights of `step`, given up with the others. */
  readonly more?: NamedHostTensors;
};

/** A program from codes to something of each image. */
export type CodeProgram = {
  /**
   * Results [N, ...] of codes [N, T], by name; none without images.
   * @throws RangeError when the codes are no whole rows
   */
  run(codes: Int32Array): Promise<Record<string, Float32Array>>;
  close(): Promise<void>;
};

/**
 * Compiles the VIM up to the last of the blocks, their mean over positions, and the step that follows.
 * @throws RangeError when a block is not among 0..depth
 */
export async function compileOnCodes(options: CodeProgramOptions): Promise<CodeProgram> {
  const { engine, blocks, batchSize, name, step, more = {}, givesUpWeights: givesUpConstants = false } = options;
  expectBlocks(options);
  const whole = withNeutralStart(options);
  const model = { ...whole.model, depth: Math.max(0, ...blocks) };
  const { options: held, feeds } = weightFeeds({ ...weightsOf(model, whole.weights), ...more });
  const T = sequenceLength(model);
  const pooled: Step = (inputs) => step(pooledBlocks(model, inputs, blocks), inputs);
  const plan: BatchPlan = (B) => {
    const inputs = { imageCodes: { dtype: "int32", shape: [B, T] }, classIds: { dtype: "int32", shape: [B] } } as const;
    return { step: pooled, options: withWeights(held, { name, inputs, givesUpConstants }) };
  };
  const items = ["imageCodes", "classIds"];
  const { run, close } = await compileBatched({ engine, plan, items, most: batchSize, feeds });
  return {
    async run(imageCodes) {
      const rows = imageCodes.length / T;
      if (!Number.isInteger(rows))
        throw new RangeError(`${name}: want rows of ${T} codes, got ${imageCodes.length} codes`);
      const classIds = new Int32Array(rows).fill(noClass(model));
      return (await run({ imageCodes, classIds })) as Record<string, Float32Array>;
    },
    close,
  };
}

/** Name of a block's features among those that a step is given. */
export const pooledName = (block: number): string => `block${block}`;

function expectBlocks({ blocks, model }: BlocksOfVim): void {
  const wrong = blocks.find((block) => !Number.isInteger(block) || block < 0 || block > model.depth);
  if (wrong !== undefined) throw new RangeError(`features: want blocks from 0 to ${model.depth}, got ${wrong}`);
}

/** The model with a start token of no class: what the start tokens of its classes have in common. */
function withNeutralStart({ model, weights }: BlocksOfVim): Pick<BlocksOfVim, "model" | "weights"> {
  const { classes, dim, classless = true } = model;
  if (classless) return { model, weights };
  const tokens = weights["classes"]!.data; // [classes, D]
  const data = new Float32Array(tokens.length + dim);
  data.set(tokens);
  for (let i = 0; i < tokens.length; i++) data[tokens.length + (i % dim)]! += tokens[i]! / classes;
  const extended = { dtype: "float32", shape: [classes + 1, dim], data } as const;
  return { model: { ...model, classless: true }, weights: { ...weights, classes: extended } };
}

/** The weights that a model has, out of those of a deeper one. */
function weightsOf(model: VimConfig, weights: NamedHostTensors): NamedHostTensors {
  const names = Object.keys(flattenSpecs(vimSpec(model)));
  return Object.fromEntries(names.flatMap((name) => (weights[name] ? [[name, weights[name]]] : [])));
}

/** Mean over positions of each block's tokens, [B, D] each, by name. */
function pooledBlocks(model: VimConfig, inputs: NamedTensors, blocks: readonly number[]): NamedTensors {
  const params = paramTree(vimSpec(model), inputs);
  const codes = inputs["imageCodes"]!; // "codes" is the name of their embeddings
  const classIds = inputs["classIds"]!;
  const outputs = vimForward(params, model, { classIds, codes }).blocks;
  const tokensOf = (block: number): tf.Tensor => outputs[block - 1] ?? embeddings(params, { classIds, codes });
  return Object.fromEntries(blocks.map((block) => [pooledName(block), tf.mean(tokensOf(block), 1)]));
}

type Embedded = { readonly classes: tf.Tensor; readonly codes: tf.Tensor };

/** The start token and all codes but the last, as VIM sees them less their positions, [B, T, D]. */
function embeddings(params: Embedded, { classIds, codes }: { classIds: tf.Tensor; codes: tf.Tensor }): tf.Tensor {
  const start = tf.expandDims(tf.gather(params.classes, classIds), 1);
  const seen = codes.shape[1]! - 1;
  if (seen === 0) return start;
  return tf.concat([start, tf.gather(params.codes, tf.slice(codes, [0, 0], [-1, seen]))], 1);
}
