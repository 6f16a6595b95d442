/** Decoding whose logits come to the host after every position, where codes are drawn. */
import type { HostTensor, NamedHostTensors } from "../engine/types.js";
import { sequenceLength } from "../models/vim.js";
import { uniformAt } from "../random.js";
import { type Decoder, type DecoderOptions, type Drawing, rowsOf } from "./decoder.js";
import { drawCode } from "./draw.js";
import { guidedLogits, scaleAt } from "./guidance.js";
import { int32, tile } from "./tensors.js";

/** Compiled steps over keys and values, wherever these are kept. */
export type Stepwise = {
  begin(): Steps;
  close(): Promise<void>;
};

/** Steps of sequences under way. */
export type Steps = {
  /** Logits [rows, K] of the first position that is not given. */
  first(prompt: NamedHostTensors): Promise<HostTensor>;
  /** Logits [rows, K] of the position after `position` [1], whose codes are `code` [rows]. */
  next(newest: { readonly code: HostTensor; readonly position: HostTensor }): Promise<HostTensor>;
  /** Gives back what the sequences took. */
  end(): void;
};

export function stepwiseDecoder(options: DecoderOptions, { begin, close }: Stepwise): Decoder {
  const T = sequenceLength(options.model);
  return {
    async *decode(prompt, drawing) {
      const steps = begin();
      try {
        let logits = await steps.first(prompt);
        for (let position = options.prefixLength ?? 0; ; position++) {
          const codes = drawPosition(options, drawing, { logits, position });
          yield codes;
          if (position + 1 === T) return;
          const code = tile(codes, rowsOf(options));
          logits = await steps.next({
            code: int32([code.length], code),
            position: int32([1], Int32Array.of(position)),
          });
        }
      } finally {
        steps.end();
      }
    },
    close,
  };
}

/** The codes of a position, [B], of its logits [rows, K]. */
export function drawPosition(
  { model, batchSize, guidance }: DecoderOptions,
  { seeds, filters }: Drawing,
  { logits, position }: { readonly logits: HostTensor; readonly position: number },
): Int32Array {
  const K = logits.shape[1]!;
  const values = logits.data as Float32Array;
  const row = (b: number) => values.subarray(b * K, (b + 1) * K);
  const scale = guidance && scaleAt(guidance, position, sequenceLength(model));
  return Int32Array.from(seeds, (seed, b) => {
    const own = scale === undefined ? row(b) : guidedLogits(row(b), { unconditional: row(batchSize + b), scale });
    return drawCode(own, filters[b]!, uniformAt(position, seed));
  });
}
