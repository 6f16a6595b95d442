/** Sizes that are sound one by one may make an array that is too long together. */
import { UsageError } from "../../lib/errors.js";
import type { ParamSpec } from "../../lib/nn/params.js";
import { formatInteger } from "../../lib/ui/format.js";

const MOST = 2 ** 31; // numbers: 8 GiB of float32, half of what an array of Node's holds

/**
 * Refuses what cannot be an array, before a dry run or a training tries.
 * @param shapes by what has them, in words
 * @throws UsageError naming the first that is too large
 */
export function expectArrays(shapes: Readonly<Record<string, readonly number[]>>): void {
  for (const [what, shape] of Object.entries(shapes)) {
    const numbers = shape.reduce((a, b) => a * b, 1);
    if (numbers <= MOST) continue;
    throw new UsageError(
      `the sizes are too large together: ${what} would have ${shape.join(" x ")} numbers, want at most ` +
        `${formatInteger(MOST)} of them; choose smaller ones`,
    );
  }
}

/** Shapes of parameters, by their names. */
export const parameterShapes = (specs: Readonly<Record<string, ParamSpec>>): Record<string, readonly number[]> =>
  Object.fromEntries(Object.entries(specs).map(([name, { shape }]) => [name, shape]));
