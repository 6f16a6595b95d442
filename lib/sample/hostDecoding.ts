/** Decoding with keys and values in host memory, fed to the engine where they lie. */
import type { NamedHostTensors, Program } from "../engine/types.js";
import { largestBuiltIn, weightFeeds, withWeights } from "../engine/weightFeeds.js";
import type { VimConfig } from "../models/vim.js";
import { sizeOf } from "../shapes.js";
import { cachedStep, lastNames, prefillStep, type SamplingStep } from "./cachedSteps.js";
import { type DecoderOptions, rowsOf } from "./decoder.js";
import { KvCaches, NEW } from "./kvCaches.js";
import type { Steps, Stepwise } from "./stepwise.js";
import { int32 } from "./tensors.js";

/**
 * Compiles what draws codes for the engine: one step, which also begins sequences, so that weights are in memory once; or, where
 * their first codes are given, a first pass over these and a step.
 */
export async function createHostSteps(options: DecoderOptions): Promise<Stepwise> {
  const { model } = options;
  const rows = rowsOf(options);
  const programs = await compile(options);
  return {
    begin: () => sequencesUnderWay({ model, rows, ...programs }),
    async close() {
      await programs.prefill?.dispose();
      await programs.step.dispose();
    },
  };
}

/** Bytes of weights up to which they are built into what is compiled for sequences with so many given codes. */
export function largestBuiltInFor(prefixLength: number, memory?: number): number {
  return largestBuiltIn({ graphs: prefixLength > 0 ? 2 : 1, ...(memory === undefined ? {} : { memory }) });
}

type Programs = {
  /** Absent where the step begins sequences. */
  readonly prefill: Program | undefined;
  readonly step: Program;
  /** Weights that are not part of the programs. */
  readonly feeds: NamedHostTensors;
};

/** Nothing that outlives it holds the weights, which may be given up. */
async function compile({ engine, weights, givesUpWeights = false, ...options }: DecoderOptions): Promise<Programs> {
  const { model, prefixLength = 0 } = options;
  const rows = rowsOf(options);
  const { options: held, feeds } = weightFeeds(weights, options.largestBuiltIn ?? largestBuiltInFor(prefixLength));
  const program = (name: string, { step, inputs }: SamplingStep, last: boolean) =>
    engine.compile(step, withWeights(held, { name, inputs, givesUpConstants: last && givesUpWeights }));
  const begins = prefixLength === 0;
  const prefill = begins ? undefined : await program("sample prefill", prefillStep(model, rows, prefixLength), false);
  const step = await program("sample step", cachedStep(model, rows, { begins }), true);
  return { prefill, step, feeds };
}

type Sequences = Programs & { readonly model: VimConfig; readonly rows: number };

function sequencesUnderWay({ model, rows, prefill, step, feeds }: Sequences): Steps {
  const caches = new KvCaches(model, rows);
  let given: NamedHostTensors = {};
  let results: NamedHostTensors = {};
  return {
    async first(prompt) {
      if (prefill) results = await prefill.run({ ...feeds, ...prompt });
      else {
        given = prompt;
        results = await step.run({ ...feeds, ...nothingBefore(model, rows), ...prompt, ...caches.views() });
      }
      return results["logits"]!;
    },
    async next(newest) {
      caches.append(results);
      results = await step.run({ ...feeds, ...given, ...newest, ...caches.views(), ...lastOf(model, results) });
      return results["logits"]!;
    },
    end: () => {},
  };
}

/** What a step that begins sequences is given for what comes before them. */
function nothingBefore(model: VimConfig, rows: number): NamedHostTensors {
  const shape = [rows, 1, model.dim];
  const zeros = { dtype: "float32", shape, data: new Float32Array(sizeOf(shape)) } as const;
  return {
    code: int32([rows], new Int32Array(rows)),
    position: int32([1], Int32Array.of(-1)),
    ...Object.fromEntries(lastNames(model).map((name) => [name, zeros])),
  };
}

/** What a token shift needs of the newest position. */
function lastOf(model: VimConfig, results: NamedHostTensors): NamedHostTensors {
  return Object.fromEntries(lastNames(model).map((name) => [name, results[NEW + name]!]));
}
