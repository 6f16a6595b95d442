/**
 * Stage-2 checkpoints of the public PyTorch port (thuanz123/enhancing-transformers, class `GPT`) as models of ours: the
 * names, the order of axes, and the options under which VIM is exactly the port's.
 *
 * Its blocks have a token shift before attention and a squared ReLU; until 27 August 2022 they had GELU and no shift.
 */

import type { NamedHostTensors } from "../../engine/types.js";
import { FileError } from "../../errors.js";
import { joinedFloats } from "../../floats.js";
import { flattenSpecs } from "../../nn/params.js";
import { type VimConfig, vimSpec } from "../vim.js";
import { permuted, tapsFirst } from "./axes.js";
import { everyMisfit, misfits, type TensorKinds } from "./misfits.js";

export type PortPriorOptions = {
  /** Named in errors; "the state dict" when absent. */
  readonly source?: string;
  /** Attention heads, which the shapes do not tell. */
  readonly heads: number;
};

export type PortedPrior = {
  readonly model: VimConfig;
  /** By the names of `vimSpec(model)`. */
  readonly tensors: NamedHostTensors;
};

/** One parameter of ours: the tensors that it is made of, all of one shape. */
type Made = {
  readonly ours: string;
  readonly theirs: readonly string[];
  /** Shape of each of theirs; NaN where it is not known. */
  readonly shape: readonly number[];
  /** Whether theirs are linear maps [to, from], which become one of [from, all to]. */
  readonly linear?: boolean;
};

const MODEL = { positions: "learned", startPosition: true, classless: false, headBias: false } as const;

/**
 * A model and its weights from the port's state dict.
 * @param named host tensors by the port's names
 * @throws FileError naming every tensor that is missing, of another shape or type, or without a place in the model, or
 *   what is impossible about the sizes
 * @throws RangeError when the heads do not divide the width
 */
export function fromPortPrior(named: NamedHostTensors, options: PortPriorOptions): PortedPrior {
  const model = portPriorModel(named, options);
  const table = new Map(madeTensors(model).map((one) => [one.ours, one]));
  const tensors: NamedHostTensors = {};
  for (const [ours, { shape }] of Object.entries(flattenSpecs(vimSpec(model)))) {
    const { theirs, linear = false } = table.get(ours)!;
    const data = joinedFloats(theirs.map((name) => named[name]!.data as Float32Array)); // linear: [all to, from]
    const turned = linear ? permuted(data, shape.toReversed(), tapsFirst(2)) : data;
    tensors[ours] = { dtype: "float32", shape, data: turned };
  }
  return { model, tensors };
}

/** The configuration of a checkpoint, from the names and shapes of its tensors; throws as `fromPortPrior` does. */
export function portPriorModel(named: TensorKinds, { heads, source = "the state dict" }: PortPriorOptions): VimConfig {
  const model = inferModel(named, heads);
  const wrong = differences(named, model);
  if (wrong !== "") throw new FileError(`${source} is not a GPT of enhancing-transformers: ${wrong}`);
  const conditions = named["pos_emb_cond"]!.shape[1];
  if (conditions !== 1)
    throw new FileError(
      `${source}: want one token before the codes, the class, got ${conditions}; no model here has more`,
    );
  if (!Number.isInteger(model.grid[0]))
    throw new FileError(`${source}: want positions of a square grid, got ${named["pos_emb_code"]!.shape[1]} codes`);
  if (!Number.isInteger(model.dim / heads))
    throw new RangeError(`heads: want a divisor of the width ${model.dim}, got ${heads}`);
  return model;
}

/** What the shapes say, NaN where a tensor that says it is missing. */
function inferModel(named: TensorKinds, heads: number): VimConfig {
  const size = (name: string, axis: number) => named[name]?.shape[axis] ?? Number.NaN;
  const blocks = Object.keys(named).filter((name) => name.startsWith("blocks."));
  const side = Math.sqrt(size("pos_emb_code", 1));
  const early = named["blocks.0.mlp.0.weight"] !== undefined;
  return {
    dim: size("tok_emb_code.weight", 1),
    depth: Math.max(1, new Set(blocks.map((name) => name.split(".")[1])).size),
    heads,
    mlpDim: size(early ? "blocks.0.mlp.0.weight" : "blocks.0.mlp.p0.weight", 0),
    grid: [side, side],
    vocabulary: size("head.weight", 0),
    classes: size("tok_emb_cond.weight", 0),
    ...(early ? ({ activation: "gelu" } as const) : ({ activation: "squaredRelu", tokenShift: true } as const)),
    ...MODEL,
  };
}

/** All parameters of a model. */
function madeTensors(model: VimConfig): Made[] {
  const { dim, depth, grid, vocabulary, classes } = model;
  return [
    { ours: "positions/start", theirs: ["pos_emb_cond"], shape: [1, Number.NaN, dim] },
    { ours: "positions/all", theirs: ["pos_emb_code"], shape: [1, Math.round(grid[0] * grid[1]), dim] },
    { ours: "classes", theirs: ["tok_emb_cond.weight"], shape: [classes, dim] },
    { ours: "codes", theirs: ["tok_emb_code.weight"], shape: [vocabulary, dim] },
    ...Array.from({ length: depth }, (_, i) => blockTensors(model, i)).flat(),
    ...norm("layer_norm", "norm", dim),
    linear(["head"], "head", [dim, vocabulary])[0]!,
  ];
}

function blockTensors({ dim, mlpDim, tokenShift }: VimConfig, index: number): Made[] {
  const [theirs, ours] = [`blocks.${index}`, `blocks/${index}`];
  const [up, down] = tokenShift ? ["p0", "p1"] : ["0", "2"];
  const qkv = ["query", "key", "value"].map((name) => `${theirs}.attn.${name}`);
  return [
    ...norm(`${theirs}.ln1`, `${ours}/norm1`, dim),
    ...(tokenShift ? [{ ours: `${ours}/shift/mix`, theirs: [`${theirs}.attn.time_mix`], shape: [1, 1, dim] }] : []),
    ...linear(qkv, `${ours}/attention/qkv`, [dim, dim]),
    ...linear([`${theirs}.attn.proj`], `${ours}/attention/out`, [dim, dim]),
    ...norm(`${theirs}.ln2`, `${ours}/norm2`, dim),
    ...linear([`${theirs}.mlp.${up}`], `${ours}/mlp/up`, [dim, mlpDim]),
    ...linear([`${theirs}.mlp.${down}`], `${ours}/mlp/down`, [mlpDim, dim]),
  ];
}

function linear(theirs: readonly string[], ours: string, [from, to]: readonly [number, number]): Made[] {
  const named = (part: string) => theirs.map((name) => `${name}.${part}`);
  return [
    { ours: `${ours}/kernel`, theirs: named("weight"), shape: [to, from], linear: true },
    { ours: `${ours}/bias`, theirs: named("bias"), shape: [to] },
  ];
}

function norm(theirs: string, ours: string, dim: number): Made[] {
  return [
    { ours: `${ours}/gain`, theirs: [`${theirs}.weight`], shape: [dim] },
    { ours: `${ours}/bias`, theirs: [`${theirs}.bias`], shape: [dim] },
  ];
}

/** Every tensor that is missing, unlike what `model` wants, or not of it. */
function differences(named: TensorKinds, model: VimConfig): string {
  const wanted = madeTensors(model).flatMap(({ theirs, shape }) => theirs.map((name) => ({ name, shape })));
  return everyMisfit(misfits(named, wanted));
}
