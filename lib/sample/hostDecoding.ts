/** Decoding with keys and values in host memory, fed to the engine where they lie. */
import type { NamedHostTensors } from "../engine/types.js";
import { weightFeeds, withWeights } from "../engine/weightFeeds.js";
import type { VimConfig } from "../models/vim.js";
import { cachedStep, lastNames, prefillStep } from "./cachedSteps.js";
import { type DecoderOptions, rowsOf } from "./decoder.js";
import { KvCaches, NEW } from "./kvCaches.js";
import type { Stepwise } from "./stepwise.js";

/** Compiles both steps for the engine. */
export async function createHostSteps(options: DecoderOptions): Promise<Stepwise> {
  const { engine, model, prefixLength = 0 } = options;
  const rows = rowsOf(options);
  const { options: held, feeds } = weightFeeds(options.weights, options.largestBuiltIn);
  const first = prefillStep(model, rows, prefixLength);
  const next = cachedStep(model, rows);
  const prefill = await engine.compile(first.step, withWeights(held, { name: "sample prefill", inputs: first.inputs }));
  const step = await engine.compile(next.step, withWeights(held, { name: "sample step", inputs: next.inputs }));
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
  return Object.fromEntries(lastNames(model).map((name) => [name, results[NEW + name]!]));
}
