/** What `compare` measures: cases by name, and the programs and options that run them. */
import { UsageError } from "../lib/errors.js";
import { STACK_SIZES } from "../lib/models/sizes.js";
import type { PriorSize, SamplingSize } from "../lib/speed/sampling.js";
import { SPEED_SIZES } from "../lib/speed/sizes.js";
import type { Stage1Losses, Stage1Size, TokenizerSize } from "../lib/speed/stage1.js";
import { type Coding, sizeArguments, stackArguments, type VimSize } from "./options.js";
import type { StackSize } from "./trainStack.js";

/**
 * A Transformer stack, with or without its update; a step of either stage without; encoding or decoding; or a step of
 * sampling, beside a cache that PyTorch writes rows of (`rows`) or joins new rows to (`cat`).
 */
export type Case =
  | { readonly kind: "stack"; readonly size: StackSize; readonly update: "none" | "adamw" }
  | { readonly kind: "stage1"; readonly size: Stage1Size; readonly losses: Stage1Losses }
  | { readonly kind: "vim"; readonly size: VimSize; readonly dropout: number }
  | { readonly kind: "coding"; readonly size: TokenizerSize; readonly coding: Coding }
  | { readonly kind: "sampling"; readonly size: SamplingSize; readonly cache: "rows" | "cat" };

const SMALL = { ...STACK_SIZES.small, tokens: 1024, batch: 1 };
const TINY = { ...STACK_SIZES.tiny, tokens: 49, batch: 64 };
/** Stacks of the public port's size and of VIM-Base. */
const PRIORS: Readonly<Record<string, PriorSize>> = {
  sample: SPEED_SIZES.small.prior,
  "sample-base": { dim: 1536, depth: 24, heads: 16, vocabulary: 8192, gridSide: 32 },
};

const VIM = { ...SPEED_SIZES.small.prior, batch: 1 };
const VIM_TINY = { ...SPEED_SIZES.tiny.prior, batch: 64 };

const { discriminatorScale, vggScale, ...TOKENIZER } = SPEED_SIZES.small.stage1;

/** `sample-8-512` draws for 8 sequences of which 512 positions are there; `sample-8-512-cat` beside the copied cache. */
function samplingCases(): Record<string, Case> {
  const cases: Record<string, Case> = {};
  for (const [name, prior] of Object.entries(PRIORS))
    for (const batch of [1, 8, 32])
      for (const filled of [16, 512, 1000]) {
        const size = { ...prior, batch, filled };
        cases[`${name}-${batch}-${filled}`] = { kind: "sampling", size, cache: "rows" };
        cases[`${name}-${batch}-${filled}-cat`] = { kind: "sampling", size, cache: "cat" };
      }
  return cases;
}

const CASES: Readonly<Record<string, Case>> = {
  small: { kind: "stack", size: SMALL, update: "none" },
  "small-adamw": { kind: "stack", size: SMALL, update: "adamw" },
  tiny: { kind: "stack", size: TINY, update: "none" },
  "tiny-adamw": { kind: "stack", size: TINY, update: "adamw" },
  "stage1-ae": { kind: "stage1", size: SPEED_SIZES.small.stage1, losses: "ae" },
  "stage1-full": { kind: "stage1", size: SPEED_SIZES.small.stage1, losses: "full" },
  vim: { kind: "vim", size: VIM, dropout: 0 },
  "vim-dropout": { kind: "vim", size: VIM, dropout: 0.1 },
  "vim-tiny": { kind: "vim", size: VIM_TINY, dropout: 0 },
  "vim-tiny-dropout": { kind: "vim", size: VIM_TINY, dropout: 0.1 },
  encode: { kind: "coding", size: TOKENIZER, coding: "encode" },
  decode: { kind: "coding", size: TOKENIZER, coding: "decode" },
  ...samplingCases(),
};

/** Those that are measured when none is named: a step of stage 1 takes long. */
export const USUAL_CASES = Object.keys(CASES).filter((name) => CASES[name]!.kind === "stack");

/** @throws UsageError when there is no such case */
export function findCase(name: string): Case {
  const found = CASES[name];
  if (!found) throw new UsageError(`--case: want some of ${Object.keys(CASES).join(", ")}, got "${name}"`);
  return found;
}

export type CasePrograms = {
  /** In `dist/bench`. */
  readonly ours: string;
  /** In `bench/pytorch`. */
  readonly theirs: string;
  /** Options that say what is computed. */
  readonly computed: readonly string[];
  /** Further options of steps that are timed. */
  readonly timed: readonly string[];
  /** Options that only the other side knows. */
  readonly theirOptions?: readonly string[];
  /** The option by which the other side starts its timed steps from what ours exported, where it has one. */
  readonly weightsOption?: string;
};

/** How both sides run a case. */
export function casePrograms(one: Case): CasePrograms {
  if (one.kind === "stack") {
    const programs = { ours: "trainStep.js", theirs: "train_step.py" };
    return { ...programs, computed: stackArguments(one.size), timed: ["--update", one.update] };
  }
  if (one.kind === "sampling") {
    const programs = { ours: "samplingStep.js", theirs: "sampling_step.py", weightsOption: "--weights" };
    return { ...programs, computed: sizeArguments(one.size), timed: [], theirOptions: ["--cache", one.cache] };
  }
  if (one.kind === "vim") {
    const programs = { ours: "vimStep.js", theirs: "vim_step.py", weightsOption: "--weights" };
    return { ...programs, computed: sizeArguments(one.size), timed: ["--dropout", String(one.dropout)] };
  }
  if (one.kind === "coding") {
    const programs = { ours: "codingStep.js", theirs: "coding_step.py", weightsOption: "--weights" };
    return { ...programs, computed: [...sizeArguments(one.size), "--coding", one.coding], timed: [] };
  }
  const computed = [...sizeArguments(one.size), "--losses", one.losses];
  return { ours: "stage1Step.js", theirs: "stage1_step.py", computed, timed: [], weightsOption: "--weights" };
}
