/**
 * Stage-1 checkpoints of the public PyTorch port (thuanz123/enhancing-transformers, class `ViTVQ`) as models of ours, and
 * back: the names, the order of axes, and the options under which ViT-VQGAN is exactly the port's.
 */
import type { HostTensor, NamedHostTensors } from "../../engine/types.js";
import { FileError } from "../../errors.js";
import { headWidth } from "../../nn/attention.js";
import { flattenSpecs } from "../../nn/params.js";
import { sinCosPositions } from "../../nn/positions.js";
import { sameShape } from "../../shapes.js";
import type { QuantizerConfig } from "../quantizer.js";
import { type StackConfig, tokenGrid, type VitVqganConfig, vitVqganSpec } from "../vitVqgan.js";
import { inverse, permuted, permutedShape, tapsFirst, unmoved } from "./axes.js";
import { everyMisfit, misfits, type TensorKinds } from "./misfits.js";

type Side = "encoder" | "decoder";

/** What the shapes in a checkpoint do not tell. */
export type PortOptions = {
  /** Named in errors; "the state dict" when absent. */
  readonly source?: string;
  /** Width of the attention heads; 64, as in all the port's published models, when absent. */
  readonly headDim?: { readonly encoder?: number; readonly decoder?: number };
  /** How it was trained to quantize; the port's defaults when absent. */
  readonly quantizer?: Partial<Omit<QuantizerConfig, "codebookSize" | "codeDim">>;
};

export type Ported = {
  readonly model: VitVqganConfig;
  /** By the names of `vitVqganSpec(model)`. */
  readonly tensors: NamedHostTensors;
  /** Names in the checkpoint that the model has no use for, `loss.*` apart. */
  readonly left: readonly string[];
};

/** One tensor in both worlds: ours has the elements of theirs with the axes in `order`, some of them joined. */
export type PortTensor = {
  readonly theirs: string;
  readonly ours: string;
  /** Shape of theirs; NaN where it is not known. */
  readonly shape: readonly number[];
  readonly order: readonly number[];
};

const HEAD_DIM = 64;
const QUANTIZER = { l2Norm: true, commitment: 0.25, straightThrough: "raw", vqReduction: "mean" } as const;
const STACK = { activation: "tanh", qkvBias: false } as const;
const MODEL = { head: "none", logitLaplace: false, pixelBias: "channel" } as const;
const ROUNDING = 1e-6; // of positions, all in [-1, 1]

/**
 * A model and its weights from the port's state dict. Positions that are the sine-cosine table become `"sincos"`; others
 * are kept, and are `"learned"` from then on.
 * @param named host tensors by the port's names
 * @throws FileError naming every tensor that is missing or of another shape or type, or what is impossible about the sizes
 */
export function fromPort(named: NamedHostTensors, options: PortOptions = {}): Ported {
  const inferred = portModel(named, options);
  const table = portTensors(inferred);
  const sincos = table.every(({ theirs, ours }) => {
    const side = sideOfPositions(ours);
    return !side || isClose(named[theirs]!.data, fixedPositions(inferred, side));
  });
  const model: VitVqganConfig = sincos ? inferred : { ...inferred, positions: "learned" };
  const tensors: NamedHostTensors = {};
  const known = new Map(table.map((one) => [one.ours, one]));
  for (const [ours, { shape }] of Object.entries(flattenSpecs(vitVqganSpec(model)))) {
    const { theirs, order } = known.get(ours)!;
    const { data, shape: from } = named[theirs]!;
    tensors[ours] = { dtype: "float32", shape, data: permuted(data as Float32Array, from, order) };
  }
  const used = new Set(table.map(({ theirs }) => theirs));
  const left = Object.keys(named).filter((name) => !used.has(name) && !name.startsWith("loss."));
  return { model, tensors, left };
}

/**
 * The port's state dict of a model and its weights, in the port's order.
 * @throws RangeError when the port has no such model, or a tensor is missing or of another shape
 */
export function toPort(model: VitVqganConfig, tensors: NamedHostTensors): NamedHostTensors {
  expectPortable(model);
  const specs = flattenSpecs(vitVqganSpec(model));
  const ported: NamedHostTensors = {};
  for (const { theirs, ours, shape, order } of portTensors(model)) {
    const spec = specs[ours];
    const tensor = spec ? tensors[ours] : undefined;
    if (spec && !(tensor && sameShape(tensor.shape, spec.shape)))
      throw new RangeError(`parameter ${ours}: want [${spec.shape.join(", ")}], got ${shapeOf(tensor)}`);
    const data = tensor ? (tensor.data as Float32Array) : fixedPositions(model, sideOfPositions(ours)!);
    ported[theirs] = { dtype: "float32", shape, data: permuted(data, permutedShape(shape, order), inverse(order)) };
  }
  return ported;
}

/**
 * The configuration of a checkpoint, from the names and shapes of its tensors; throws as `fromPort` does.
 * Positions are taken to be the sine-cosine table.
 */
export function portModel(named: TensorKinds, options: PortOptions = {}): VitVqganConfig {
  const model = inferModel(named, options);
  const { encoder, decoder, channels } = model;
  const source = options.source ?? "the state dict";
  const wrong = [differences(named, model), ...misplaced(named, model)].filter((text) => text !== "");
  if (wrong.length > 0)
    throw new FileError(`${source} is not a ViT-VQGAN of enhancing-transformers: ${wrong.join("; ")}`);
  const refuse = (what: string) => new FileError(`${source}: ${what}`);
  if (!Number.isInteger(model.imageSize / model.patchSize))
    throw refuse(`want positions of a square grid, got ${named[positionsOf("encoder")]!.shape[1]} tokens`);
  if (channels !== 1 && channels !== 3) throw refuse(`want images of 1 or 3 channels, got ${channels as number}`);
  for (const [side, { heads, headDim }] of Object.entries({ encoder, decoder }))
    if (!Number.isInteger(heads))
      throw refuse(
        `${side}: attention of width ${heads * headDim!} is not made of heads of width ${headDim}; ` +
          `say the ${side}'s head width`,
      );
  return model;
}

/** All tensors of a model in the port's order; positions are among them even if ours are not stored. */
export function portTensors(model: VitVqganConfig): PortTensor[] {
  const { encoder, decoder, patchSize: P, channels: C, codebookSize: K, codeDim: Dc } = model;
  return [
    positions(model, "encoder"),
    tensor("encoder.to_patch_embedding.0.weight", "encoder/patches/kernel", [encoder.dim, C, P, P], tapsFirst(4)),
    tensor("encoder.to_patch_embedding.0.bias", "encoder/patches/bias", [encoder.dim]),
    ...stackTensors("encoder", encoder),
    positions(model, "decoder"),
    ...stackTensors("decoder", decoder),
    tensor("decoder.to_pixel.1.weight", "decoder/pixels/kernel", [decoder.dim, C, P, P], [0, 2, 3, 1]),
    tensor("decoder.to_pixel.1.bias", "decoder/pixels/bias", [C]),
    tensor("quantizer.embedding.weight", "quantizer/codebook", [K, Dc]),
    ...linear("pre_quant", "encoder/latents", [encoder.dim, Dc]),
    ...linear("post_quant", "decoder/codes", [Dc, decoder.dim]),
  ];
}

function stackTensors(side: Side, stack: StackConfig): PortTensor[] {
  const { dim, depth, heads, mlpDim, outProjection = true } = stack;
  const inner = Math.round(heads * headWidth(stack));
  const block = (i: number) => {
    const [theirs, ours] = [`${side}.transformer.layers.${i}`, `${side}/stack/blocks/${i}`];
    return [
      ...norm(`${theirs}.0.norm`, `${ours}/norm1`, dim),
      linear(`${theirs}.0.fn.to_qkv`, `${ours}/attention/qkv`, [dim, 3 * inner])[0]!,
      ...(outProjection ? linear(`${theirs}.0.fn.to_out`, `${ours}/attention/out`, [inner, dim]) : []),
      ...norm(`${theirs}.1.norm`, `${ours}/norm2`, dim),
      ...linear(`${theirs}.1.fn.net.0`, `${ours}/mlp/up`, [dim, mlpDim]),
      ...linear(`${theirs}.1.fn.net.2`, `${ours}/mlp/down`, [mlpDim, dim]),
    ];
  };
  const blocks = Array.from({ length: depth }, (_, i) => block(i));
  return [...blocks.flat(), ...norm(`${side}.transformer.norm`, `${side}/stack/norm`, dim)];
}

function tensor(theirs: string, ours: string, shape: readonly number[], order = unmoved(shape.length)): PortTensor {
  return { theirs, ours, shape, order };
}

function linear(theirs: string, ours: string, [from, to]: readonly [number, number]): PortTensor[] {
  const kernel = tensor(`${theirs}.weight`, `${ours}/kernel`, [to, from], tapsFirst(2));
  return [kernel, tensor(`${theirs}.bias`, `${ours}/bias`, [to])];
}

function norm(theirs: string, ours: string, dim: number): PortTensor[] {
  return [tensor(`${theirs}.weight`, `${ours}/gain`, [dim]), tensor(`${theirs}.bias`, `${ours}/bias`, [dim])];
}

const positionsOf = (side: Side) => `${side}.${side.slice(0, 2)}_pos_embedding`;

function positions(model: VitVqganConfig, side: Side): PortTensor {
  const [rows, columns] = tokenGrid(model);
  return tensor(positionsOf(side), `${side}/stack/positions`, [1, Math.round(rows * columns), model[side].dim]);
}

function sideOfPositions(ours: string): Side | undefined {
  return (["encoder", "decoder"] as const).find((side) => ours === `${side}/stack/positions`);
}

/** The sine-cosine table of one side; empty if the width has none. */
function fixedPositions(model: VitVqganConfig, side: Side): Float32Array {
  const { dim } = model[side];
  return dim % 4 === 0 ? sinCosPositions(...tokenGrid(model), dim) : new Float32Array(0);
}

function isClose(got: ArrayLike<number>, want: ArrayLike<number>): boolean {
  if (got.length !== want.length) return false;
  for (let i = 0; i < want.length; i++) if (!(Math.abs(got[i]! - want[i]!) <= ROUNDING)) return false;
  return true;
}

/** What the shapes say, NaN where a tensor that says it is missing. */
function inferModel(named: TensorKinds, { headDim, quantizer }: PortOptions): VitVqganConfig {
  const size = (name: string, axis: number) => named[name]?.shape[axis] ?? Number.NaN;
  const patchSize = size("encoder.to_patch_embedding.0.weight", 2);
  return {
    imageSize: Math.sqrt(size(positionsOf("encoder"), 1)) * patchSize,
    channels: size("encoder.to_patch_embedding.0.weight", 1) as 1 | 3,
    patchSize,
    encoder: inferStack(named, "encoder", headDim?.encoder),
    decoder: inferStack(named, "decoder", headDim?.decoder),
    codebookSize: size("quantizer.embedding.weight", 0),
    codeDim: size("quantizer.embedding.weight", 1),
    ...QUANTIZER,
    ...quantizer,
    ...MODEL,
    positions: "sincos",
  };
}

function inferStack(named: TensorKinds, side: Side, headDim = HEAD_DIM): StackConfig {
  const layer = `${side}.transformer.layers.`;
  const size = (name: string, axis: number) => named[name]?.shape[axis] ?? Number.NaN;
  const layers = Object.keys(named).filter((name) => name.startsWith(layer));
  const depth = Math.max(1, new Set(layers.map((name) => name.slice(layer.length).split(".")[0])).size);
  const dim = size(`${side}.transformer.norm.weight`, 0);
  const heads = size(`${layer}0.0.fn.to_qkv.weight`, 0) / 3 / headDim;
  const mlpDim = size(`${layer}0.1.fn.net.0.weight`, 0);
  return { dim, depth, heads, headDim, mlpDim, ...STACK, outProjection: portProjects({ dim, heads, headDim }) };
}

/** The port leaves the map after attention out when one head covers the tokens' width. */
function portProjects({ dim, heads, headDim }: { dim: number; heads: number; headDim: number }): boolean {
  return !(heads === 1 && headDim === dim);
}

/** Every tensor that is missing or unlike what `model` wants. */
function differences(named: TensorKinds, model: VitVqganConfig): string {
  const wanted = portTensors(model).map(({ theirs, shape }) => ({ name: theirs, shape }));
  return everyMisfit({ ...misfits(named, wanted), unexpected: [] });
}

/** Tensors that are evidence of another head width. */
function misplaced(named: TensorKinds, model: VitVqganConfig): string[] {
  return (["encoder", "decoder"] as const).flatMap((side) => {
    const { outProjection, headDim } = model[side];
    const odd = `${side}.transformer.layers.0.0.fn.to_out.weight`;
    if (outProjection || !named[odd]) return [];
    return [`${odd} has no place after one head of width ${headDim}: say the head width`];
  });
}

function shapeOf(tensor: Pick<HostTensor, "shape"> | undefined): string {
  return tensor ? `[${tensor.shape.join(", ")}]` : "none";
}

function expectPortable(model: VitVqganConfig): void {
  const refuse = (what: string, want: unknown, got: unknown) => {
    throw new RangeError(`the port has no such ViT-VQGAN: ${what}: want ${String(want)}, got ${String(got)}`);
  };
  const { head, logitLaplace, pixelBias = "pixel" } = model;
  for (const [field, got] of Object.entries({ head, logitLaplace, pixelBias })) {
    const want = MODEL[field as keyof typeof MODEL];
    if (got !== want) refuse(field, want, got);
  }
  for (const side of ["encoder", "decoder"] as const) {
    const { activation = "gelu", qkvBias = true, outProjection = true, tokenShift = false, dim, heads } = model[side];
    const projects = portProjects({ dim, heads, headDim: headWidth(model[side]) });
    if (activation !== STACK.activation) refuse(`${side}.activation`, STACK.activation, activation);
    if (tokenShift) refuse(`${side}.tokenShift`, false, true);
    if (qkvBias !== STACK.qkvBias) refuse(`${side}.qkvBias`, STACK.qkvBias, qkvBias);
    if (outProjection !== projects) refuse(`${side}.outProjection`, projects, outProjection);
  }
}
