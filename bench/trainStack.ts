/** The model both sides of the comparison train: a stack of pre-LN Transformer blocks, and what one step of it computes. */
import * as tf from "@tensorflow/tfjs";
import type { HostTensor, NamedHostTensors, NamedTensors, Step, StepOptions } from "../lib/engine/types.js";
import { type BlockConfig, block, blockSpec } from "../lib/nn/block.js";
import { valueAndGradients } from "../lib/nn/gradients.js";
import { layerNorm } from "../lib/nn/layerNorm.js";
import { normSpec } from "../lib/nn/normSpec.js";
import { flattenSpecs, initialise, type ParamSpec, paramTree } from "../lib/nn/params.js";
import { rngFrom, streamSeed } from "../lib/random.js";
import { GRADIENT, inputSpecs } from "../lib/train/named.js";

/** Widths and depth of the stack, and the sequences it is trained on. */
export type StackSize = BlockConfig & { readonly depth: number; readonly tokens: number; readonly batch: number };

/** Parameters by name. */
export function stackParams(size: StackSize): Record<string, ParamSpec> {
  return flattenSpecs(stackSpec(size));
}

/**
 * Loss and all gradients: `mean((LN(blocks(tokens)) - target)^2)`.
 * Inputs: parameters by name, `tokens` and `target` [batch, tokens, dim].
 * Outputs: `loss`, `gradient/<parameter>`, and `tokenGradient` as an embedding before the stack would need it.
 */
export function gradientStep(size: StackSize): Step {
  return ({ target, ...inputs }) => {
    const { loss, gradients } = valueAndGradients(() => ({ loss: stackLoss(size, inputs, target!) }), inputs);
    const { tokens, ...byParameter } = gradients;
    return { loss, tokenGradient: tokens!, ...underGradient(byParameter) };
  };
}

/** What the engine must know to compile `gradientStep`. */
export function gradientStepOptions(size: StackSize): StepOptions {
  const tokens = { dtype: "float32", shape: tokenShape(size) } as const;
  return { name: "train-step", inputs: { ...inputSpecs(stackParams(size)), tokens, target: tokens } };
}

/** Standard normal `tokens` and `target`, and initial parameters. */
export function initialInputs(size: StackSize, seed: number): { params: NamedHostTensors; data: NamedHostTensors } {
  const data = { tokens: normal(size, streamSeed(seed, "tokens")), target: normal(size, streamSeed(seed, "target")) };
  return { params: initialise(stackParams(size), seed), data };
}

/** Gradients by parameter name among the results of `gradientStep`. */
export function parameterGradients(size: StackSize, results: NamedHostTensors): NamedHostTensors {
  return Object.fromEntries(Object.keys(stackParams(size)).map((name) => [name, results[GRADIENT + name]!]));
}

function stackSpec(size: StackSize) {
  return { blocks: Array.from({ length: size.depth }, () => blockSpec(size)), norm: normSpec(size.dim) };
}

function stackLoss(size: StackSize, inputs: NamedTensors, target: tf.Tensor): tf.Scalar {
  const params = paramTree(stackSpec(size), inputs);
  let x = inputs["tokens"]!;
  for (const blockParams of params.blocks) x = block(blockParams, size, x);
  // Against a target: the mean square of a normalised output alone is constant, and its gradients all but zero.
  return tf.mean(tf.square(tf.sub(layerNorm(params.norm, x), target)));
}

function underGradient(gradients: NamedTensors): NamedTensors {
  return Object.fromEntries(Object.entries(gradients).map(([name, tensor]) => [GRADIENT + name, tensor]));
}

function tokenShape({ batch, tokens, dim }: StackSize): [number, number, number] {
  return [batch, tokens, dim];
}

function normal(size: StackSize, seed: number): HostTensor {
  const shape = tokenShape(size);
  const rng = rngFrom(seed);
  const data = Float32Array.from({ length: shape[0] * shape[1] * shape[2] }, () => rng.normal());
  return { dtype: "float32", shape, data };
}
