/** What `train-vq` says of a training that ends before its decoder is shown a code. */
import { formatInteger } from "../../lib/ui/format.js";
import type { TrainVqConfig } from "../trainVq.js";

/** The warning; undefined where the decoder gets codewords before the end. */
export function quantizeWarning({
  steps,
  quantizeFrom,
}: Pick<TrainVqConfig, "steps" | "quantizeFrom">): string | undefined {
  if (steps > quantizeFrom) return undefined;
  return (
    `--steps ${formatInteger(steps)}: training ends before the decoder is shown a code, which is from step ` +
    `${formatInteger(quantizeFrom)} on, so that it cannot decode any; give more --steps, or a smaller --quantize-from`
  );
}
