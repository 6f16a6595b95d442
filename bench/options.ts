/** Command-line options that the benchmarks share. */
import { availableParallelism } from "node:os";
import { UsageError } from "../lib/errors.js";
import type { PriorSize, SamplingSize } from "../lib/speed/sampling.js";
import type { Stage1Losses, Stage1Size, TokenizerSize } from "../lib/speed/stage1.js";
import type { StackSize } from "./trainStack.js";

/** Declarations for `parseArgs`; the defaults are the paper's Small stack on a 256 x 256 image. */
export const STACK_OPTIONS = {
  tokens: { type: "string", default: "1024" },
  dim: { type: "string", default: "512" },
  depth: { type: "string", default: "8" },
  heads: { type: "string", default: "8" },
  batch: { type: "string", default: "1" },
  threads: { type: "string", default: String(availableParallelism()) },
} as const;

/** The size that options state; the MLP is four times as wide as the tokens. */
export function stackSize(values: Readonly<Record<"tokens" | "dim" | "depth" | "heads" | "batch", string>>): StackSize {
  const number = (name: keyof typeof values) => positiveInteger(name, values[name]);
  const dim = number("dim");
  const rest = { depth: number("depth"), heads: number("heads"), tokens: number("tokens"), batch: number("batch") };
  return { dim, mlpDim: 4 * dim, ...rest };
}

/** The options that state `size`, for a child process. */
export function stackArguments(size: StackSize): string[] {
  const { tokens, dim, depth, heads, batch } = size;
  return sizeArguments({ tokens, dim, depth, heads, batch });
}

/** Declarations for `parseArgs`; the defaults are ViT-VQGAN-SS and full-size networks of the losses. */
export const STAGE1_OPTIONS = {
  losses: { type: "string", default: "ae" },
  "image-size": { type: "string", default: "256" },
  "patch-size": { type: "string", default: "8" },
  dim: { type: "string", default: "512" },
  depth: { type: "string", default: "8" },
  heads: { type: "string", default: "8" },
  "codebook-size": { type: "string", default: "8192" },
  "code-dim": { type: "string", default: "32" },
  batch: { type: "string", default: "1" },
  "discriminator-scale": { type: "string", default: "1" },
  "vgg-scale": { type: "string", default: "1" },
  threads: { type: "string", default: String(availableParallelism()) },
} as const;

type Stage1Values = Readonly<Record<Exclude<keyof typeof STAGE1_OPTIONS, "losses" | "threads">, string>>;

/** The size that options state. */
export function stage1Size(values: Stage1Values): Stage1Size {
  const number = (name: keyof Stage1Values) => positiveInteger(name, values[name]);
  return {
    imageSize: number("image-size"),
    patchSize: number("patch-size"),
    dim: number("dim"),
    depth: number("depth"),
    heads: number("heads"),
    codebookSize: number("codebook-size"),
    codeDim: number("code-dim"),
    batch: number("batch"),
    discriminatorScale: scale("discriminator-scale", values["discriminator-scale"]),
    vggScale: scale("vgg-scale", values["vgg-scale"]),
  };
}

/** What `codingStep` does. */
export type Coding = "encode" | "decode";

/** Declarations for `parseArgs`: those of stage 1 without its losses. */
export const CODING_OPTIONS = (() => {
  const { losses, "discriminator-scale": discriminatorScale, "vgg-scale": vggScale, ...size } = STAGE1_OPTIONS;
  return { coding: { type: "string", default: "encode" }, ...size } as const;
})();

/** @throws UsageError when `text` is neither `encode` nor `decode` */
export function codingOf(text: string): Coding {
  if (text === "encode" || text === "decode") return text;
  throw new UsageError(`--coding: want encode or decode, got "${text}"`);
}

/** The size that options state. */
export function codingSize(values: Omit<Stage1Values, "discriminator-scale" | "vgg-scale">): TokenizerSize {
  const { discriminatorScale, vggScale, ...size } = stage1Size({
    ...values,
    "discriminator-scale": "1",
    "vgg-scale": "1",
  });
  return size;
}

/** A step of stage 2: the model and how many sequences. */
export type VimSize = PriorSize & { readonly batch: number };

/** Declarations for `parseArgs`; the defaults are the public port's size over the paper's 1,024 codes. */
export const VIM_OPTIONS = {
  dim: { type: "string", default: "768" },
  depth: { type: "string", default: "12" },
  heads: { type: "string", default: "12" },
  vocabulary: { type: "string", default: "8192" },
  "grid-side": { type: "string", default: "32" },
  batch: { type: "string", default: "1" },
  threads: { type: "string", default: String(availableParallelism()) },
} as const;

/** The size that options state. */
export function vimSize(values: Readonly<Record<Exclude<keyof typeof VIM_OPTIONS, "threads">, string>>): VimSize {
  const number = (name: keyof typeof values) => positiveInteger(name, values[name]);
  return {
    dim: number("dim"),
    depth: number("depth"),
    heads: number("heads"),
    vocabulary: number("vocabulary"),
    gridSide: number("grid-side"),
    batch: number("batch"),
  };
}

/** Declarations for `parseArgs`; the defaults are the middle of a sequence. */
export const SAMPLING_OPTIONS = {
  ...VIM_OPTIONS,
  batch: { type: "string", default: "8" },
  filled: { type: "string", default: "512" },
} as const;

/** The size that options state. */
export function samplingSize(
  values: Readonly<Record<Exclude<keyof typeof SAMPLING_OPTIONS, "threads">, string>>,
): SamplingSize {
  return { ...vimSize(values), filled: positiveInteger("filled", values.filled) };
}

/** @throws UsageError when `text` is neither `ae` nor `full` */
export function stage1Losses(text: string): Stage1Losses {
  return oneOf("losses", text, ["ae", "full"]);
}

/** @throws UsageError when `text` is none of the choices */
export function oneOf<const T extends string>(name: string, text: string, choices: readonly T[]): T {
  const chosen = choices.find((choice) => choice === text);
  if (chosen === undefined) throw new UsageError(`--${name}: want ${choices.join(" or ")}, got "${text}"`);
  return chosen;
}

/** @throws UsageError when `text` is not an integer above 0 */
export function positiveInteger(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new UsageError(`--${name}: want an integer above 0, got "${text}"`);
  return value;
}

export function scale(name: string, text: string): number {
  const value = Number(text);
  if (!(value > 0 && value <= 1)) throw new UsageError(`--${name}: want a number above 0, at most 1, got "${text}"`);
  return value;
}

/** The options that state a size, for a child process: `{ imageSize: 256 }` as `--image-size 256`. */
export function sizeArguments(options: Readonly<Record<string, number>>): string[] {
  const dashed = (name: string) => name.replace(/[A-Z]/g, (capital) => `-${capital.toLowerCase()}`);
  return Object.entries(options).flatMap(([name, value]) => [`--${dashed(name)}`, String(value)]);
}
