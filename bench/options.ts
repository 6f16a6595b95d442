/** Command-line options that the benchmarks share. */
import { availableParallelism } from "node:os";
import { UsageError } from "../lib/errors.js";
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

/** @throws UsageError when `text` is not an integer above 0 */
export function positiveInteger(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new UsageError(`--${name}: want an integer above 0, got "${text}"`);
  return value;
}

/** The options that state `size`, for a child process. */
export function stackArguments(size: StackSize): string[] {
  const { tokens, dim, depth, heads, batch } = size;
  return Object.entries({ tokens, dim, depth, heads, batch }).flatMap(([name, value]) => [`--${name}`, String(value)]);
}
