/** A tiny VIM, codes for it, and its teacher-forced pass as a program. */
import type { Engine, NamedHostTensors, TensorSpec } from "../../../lib/engine/types.js";
import { sequenceLength, type VimConfig, vimForward, vimSpec } from "../../../lib/models/vim.js";
import { flattenSpecs, initialise, paramTree } from "../../../lib/nn/params.js";
import { rngFrom } from "../../../lib/random.js";

export const BATCH = 2;
export const TINY: VimConfig = {
  dim: 8,
  heads: 2,
  mlpDim: 12,
  depth: 2,
  grid: [2, 3],
  vocabulary: 11,
  classes: 3,
  positions: "rowcol",
};
export const T = sequenceLength(TINY);

/** Weights ten times the initial ones, so that attention is far from uniform and a mistake shows. */
export function weightsOf(config: VimConfig): NamedHostTensors {
  const named = initialise(flattenSpecs(vimSpec(config)), 5);
  const large = Object.entries(named).map(
    ([name, tensor]) => [name, { ...tensor, data: tensor.data.map((v) => 10 * v) }] as const,
  );
  return Object.fromEntries(
    large.map(([name, tensor]) => (/gain$/.test(name) ? [name, named[name]!] : [name, tensor])),
  );
}

export function codesOf(seed: number): Int32Array {
  const rng = rngFrom(seed);
  return Int32Array.from({ length: BATCH * T }, () => rng.integer(TINY.vocabulary));
}

export const int32 = (shape: number[], data: readonly number[] | Int32Array) =>
  ({ dtype: "int32", shape, data: Int32Array.from(data) }) as const;
export const ids: TensorSpec = { dtype: "int32", shape: [BATCH] };

/** Teacher-forced logits, [B, T, K]. */
export async function fullPass(engine: Engine, config: VimConfig) {
  const inputs = { classIds: ids, given: { dtype: "int32", shape: [BATCH, T] } as const };
  const program = await engine.compile(
    (given) => {
      const { logits, blocks } = vimForward(paramTree(vimSpec(config), given), config, {
        classIds: given["classIds"]!,
        codes: given["given"]!,
      });
      return { logits, ...Object.fromEntries(blocks.map((block, i) => [`block${i}`, block])) };
    },
    { name: "full", inputs, constants: weightsOf(config) },
  );
  return {
    logits: async (codes: Int32Array, classIds: readonly number[]) =>
      (await program.run({ classIds: int32([BATCH], classIds), given: int32([BATCH, T], codes) }))["logits"]!.data,
    shapes: async () => {
      const results = await program.run({ classIds: int32([BATCH], [0, 1]), given: int32([BATCH, T], codesOf(1)) });
      return Object.fromEntries(Object.entries(results).map(([name, { shape }]) => [name, [...shape]]));
    },
    close: () => program.dispose(),
  };
}
