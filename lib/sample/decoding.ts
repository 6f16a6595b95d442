/** Position after position of sequences under way: a prefill, then steps over the keys and values that it left. */
import type { Engine, HostTensor, NamedHostTensors, StepOptions } from "../engine/types.js";
import { weightFeeds } from "../engine/weightFeeds.js";
import type { VimConfig } from "../models/vim.js";
import { cachedStep, lastNames, prefillStep } from "./cachedSteps.js";
import { KvCaches } from "./kvCaches.js";
import { createResidentDecoder } from "./residentDecoding.js";

export type DecoderOptions = {
  readonly engine: Engine;
  readonly model: VimConfig;
  readonly weights: NamedHostTensors;
  /** Rows of both graphs. */
  readonly rows: number;
  /** Given codes of each row. */
  readonly prefixLength: number;
  /** Bytes of weights that are built into the graphs, see `weightFeeds`. */
  readonly largestBuiltIn?: number | undefined;
};

export type Decoder = {
  /** Starts sequences; several may be under way. */
  begin(): Decoding;
  close(): Promise<void>;
};

export type Decoding = {
  /** Logits [B, K] of the first position that is not given, of `classIds` [B] and, where some are given, `prefix` [B, S]. */
  first(prompt: NamedHostTensors): Promise<HostTensor>;
  /** Logits [B, K] of the position after `position` [1], whose codes are `code` [B]. */
  next(newest: { readonly code: HostTensor; readonly position: HostTensor }): Promise<HostTensor>;
  /** Gives back what the sequences took. */
  end(): void;
};

/** Compiles both steps for the engine; keys and values stay on its device where that has memory of its own. */
export async function createDecoder(options: DecoderOptions): Promise<Decoder> {
  const { engine, model, rows, prefixLength } = options;
  if (engine.resident) return createResidentDecoder(options, engine.resident);
  const { options: held, feeds } = weightFeeds(options.weights, options.largestBuiltIn);
  const withWeights = (name: string, inputs: StepOptions["inputs"]) => ({
    ...held,
    name,
    inputs: { ...held.inputs, ...inputs },
  });
  const first = prefillStep(model, rows, prefixLength);
  const next = cachedStep(model, rows);
  const prefill = await engine.compile(first.step, withWeights("sample prefill", first.inputs));
  const step = await engine.compile(next.step, withWeights("sample step", next.inputs));
  return {
    begin() {
      const caches = new KvCaches(model, rows);
      let results: NamedHostTensors = {};
      return {
        async first(prompt) {
          results = await prefill.run({ ...feeds, ...prompt });
          return results["logits"]!;
        },
        async next(newest) {
          caches.append(results);
          results = await step.run({ ...feeds, ...newest, ...caches.views(), ...lastOf(model, results) });
          return results["logits"]!;
        },
        end: () => {},
      };
    },
    async close() {
      await prefill.dispose();
      await step.dispose();
    },
  };
}

/** What a token shift needs of the newest position. */
function lastOf(model: VimConfig, results: NamedHostTensors): NamedHostTensors {
  return Object.fromEntries(lastNames(model).map((name) => [name, results[`new/${name}`]!]));
}
