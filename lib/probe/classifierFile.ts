/**
 * Classifier files: a linear classifier of codes as one safetensors file, with all that it takes to use it but the VIM.
 *
 * - F32 `mean` [D], `scale` [D], `weights` [D, C], `bias` [C] of `softmax(((x - mean) / scale) W + b)`, x being the mean
 *   over all positions of one block's tokens
 * - metadata: `format` "vitvq-classifier", and as JSON under `metadata` what `ClassifierHeader` says
 */
import { access } from "node:fs/promises";
import path from "node:path";
import type { HostTensor, NamedHostTensors } from "../engine/types.js";
import { FileError } from "../errors.js";
import { packMetadata, unpackMetadata } from "../files/checkpoints.js";
import { readHostTensors, writeHostTensors } from "../files/hostTensors.js";
import { openSafetensors } from "../files/safetensors.js";
import type { VimConfig } from "../models/vim.js";
import { sameShape } from "../shapes.js";
import type { Accuracy } from "./judge.js";
import type { SoftmaxClassifier } from "./softmaxClassifier.js";

/** What a classifier file says of itself. */
export type ClassifierHeader = {
  /** Names of classes 0, 1, ... */
  readonly classNames: readonly string[];
  /** Block of the VIM whose tokens are pooled; 0 stands for the embeddings that the first takes. */
  readonly block: number;
  readonly pooling: "mean";
  /** The VIM: where its weights are, `weightsHash` of them, and its config. */
  readonly vim: { readonly file: string; readonly hash: string; readonly model: VimConfig };
  /** The tokenizer that makes the codes: `weightsHash` of it and, where that is known, the run it is in. */
  readonly tokenizer: { readonly hash: string; readonly run?: string | undefined };
  /** How the images that it was fitted to were brought to a square. */
  readonly resize: "cover" | "squash";
  /** What it got right when it was made, on how many images it was fitted, and on how many it was judged. */
  readonly test: Accuracy & { readonly images: number };
  readonly trainImages: number;
  readonly l2: number;
};

/** A classifier as it is in a file. */
export type StoredClassifier = ClassifierHeader & {
  readonly path: string;
  /** By name as in the file. */
  readonly tensors: NamedHostTensors;
};

/** Value of `format` in the metadata. */
export const CLASSIFIER_FORMAT = "vitvq-classifier";

/**
 * Writes a classifier file, atomically. The path of the VIM is kept as seen from the file and as it is, so that both a
 * folder that moves as a whole and a file that moves alone find it again.
 * @throws RangeError when sizes do not fit
 * @throws FileError when the file cannot be written
 */
export async function writeClassifier(
  file: string,
  { mean, scale, weights, bias }: Pick<SoftmaxClassifier, "mean" | "scale" | "weights" | "bias">,
  header: ClassifierHeader,
): Promise<void> {
  const [D, C] = [mean.length, bias.length];
  const floats = (data: Float64Array, ...shape: number[]): HostTensor => {
    return { dtype: "float32", shape, data: Float32Array.from(data) };
  };
  const vim = { ...header.vim, file: path.resolve(header.vim.file), beside: beside(file, header.vim.file) };
  await writeHostTensors(
    file,
    { mean: floats(mean, D), scale: floats(scale, D), weights: floats(weights, D, C), bias: floats(bias, C) },
    { format: CLASSIFIER_FORMAT, ...packMetadata({ ...header, vim }) },
  );
}

/**
 * Reads a classifier file; `vim.file` is where its VIM is, or was.
 * @throws FileError when it is missing, damaged, or a safetensors file of another kind
 */
export async function readClassifier(file: string): Promise<StoredClassifier> {
  const opened = await openSafetensors(file);
  await opened.close();
  const { metadata } = opened;
  if (metadata["format"] !== CLASSIFIER_FORMAT)
    throw new FileError(
      `${file}: not a classifier; want one that \`vitvq probe\` wrote (format "${CLASSIFIER_FORMAT}")`,
    );
  const { tensors } = await readHostTensors(file);
  const header = unpackMetadata(file, metadata) as StoredHeader;
  expectHeader(file, header);
  expectTensors(file, header, tensors);
  const { beside: relative, ...vim } = header.vim;
  const candidates = [path.resolve(path.dirname(file), relative ?? vim.file), vim.file];
  const found = (await firstThere(candidates)) ?? vim.file;
  return { ...header, vim: { ...vim, file: found }, path: file, tensors };
}

type StoredHeader = ClassifierHeader & { readonly vim: ClassifierHeader["vim"] & { readonly beside?: string } };

const beside = (file: string, vim: string): string =>
  path
    .relative(path.dirname(path.resolve(file)), path.resolve(vim))
    .split(path.sep)
    .join("/");

async function firstThere(files: readonly string[]): Promise<string | undefined> {
  for (const file of files) {
    const there = await access(file).then(
      () => true,
      () => false,
    );
    if (there) return file;
  }
  return undefined;
}

function expectHeader(file: string, { classNames, block, pooling, vim, tokenizer }: Partial<StoredHeader>): void {
  const damaged = (what: string) => new FileError(`${file}: damaged classifier file: ${what}`);
  if (!Array.isArray(classNames) || !classNames.every((name) => typeof name === "string"))
    throw damaged("want classNames as a list of strings");
  if (typeof vim?.hash !== "string" || typeof vim.file !== "string" || typeof vim.model?.dim !== "number")
    throw damaged("it does not say which VIM it belongs to");
  if (typeof tokenizer?.hash !== "string") throw damaged("it does not say whose codes it takes");
  if (!Number.isInteger(block) || block! < 0 || block! > vim.model.depth)
    throw damaged(`want a block from 0 to ${vim.model.depth}, got ${block}`);
  if (pooling !== "mean") throw damaged(`want pooling "mean", got ${JSON.stringify(pooling)}`);
}

function expectTensors(file: string, { classNames, vim }: StoredHeader, tensors: NamedHostTensors): void {
  const [D, C] = [vim.model.dim, classNames.length];
  const wanted: Readonly<Record<string, readonly number[]>> = { mean: [D], scale: [D], weights: [D, C], bias: [C] };
  for (const [name, shape] of Object.entries(wanted)) {
    const got = tensors[name];
    if (got?.dtype === "float32" && sameShape(got.shape, shape)) continue;
    throw new FileError(
      `${file}: damaged classifier file: want ${name} [${shape.join(", ")}], ` +
        `got ${got ? `${got.dtype} [${got.shape.join(", ")}]` : "none"}`,
    );
  }
}
