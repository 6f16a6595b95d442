/** One batch computed in parts, one after the other to save memory, or side by side to save time. */

import type { HostTensor, NamedHostTensors, Program } from "../engine/types.js";
import { inOrder } from "../promises.js";
import { mapValues, pickNames } from "../records.js";
import { GRADIENT } from "./named.js";
import { floatsOf } from "./updateRule.js";
import { vectorKernel } from "./vectorKernel.js";

/** How large a batch is, and how it is computed. */
export type BatchSplit = {
  readonly batchSize: number;
  /** Equal parts, one after the other; 1 if absent. */
  readonly accumulate?: number;
  /** Equal parts of those, side by side; 1 if absent. */
  readonly lanes?: number;
};

/** Parts of a batch in all. */
export function partCount({ accumulate = 1, lanes = 1 }: Omit<BatchSplit, "batchSize">): number {
  return accumulate * lanes;
}

/** Images in a part. */
export function partSize(split: BatchSplit): number {
  return split.batchSize / partCount(split);
}

/**
 * The rows of a batch in equal parts, in their order.
 * @throws RangeError when the parts would not be equal
 */
export function partsOf({ dtype, shape, data }: HostTensor, parts: number): HostTensor[] {
  const [rows = 0, ...rest] = shape;
  if (rows % parts !== 0) throw new RangeError(`a batch of ${rows} does not divide into ${parts} equal parts`);
  const size = data.length / parts;
  const shapeOfPart = [rows / parts, ...rest];
  return Array.from({ length: parts }, (_, i) => {
    return { dtype, shape: shapeOfPart, data: data.subarray(i * size, (i + 1) * size) };
  });
}

/**
 * Runs a program on every part of a batch, in as many lanes as it has. Losses and gradients are means over the parts,
 * which makes them those of the whole batch where the loss is a mean over images; what has a row for each image is joined.
 * Nothing depends on which part is ready first.
 * @param feeds what all parts share
 * @param batch.parts what differs
 * @param batch.free gets gradients that were added to others
 */
export async function runParts(
  program: Pick<Program, "run" | "lanes">,
  feeds: NamedHostTensors,
  { parts, free = () => {} }: { parts: readonly NamedHostTensors[]; free?: (added: NamedHostTensors) => void },
): Promise<NamedHostTensors> {
  let results: NamedHostTensors = {};
  const rows = new Map<string, HostTensor[]>();
  let added = 0;
  const runs = parts.map((part) => () => program.run({ ...feeds, ...part }));
  for await (const part of inOrder(runs, program.lanes ?? 1)) {
    if (++added === 1) results = part;
    const factor = added === parts.length ? 1 / added : 1;
    for (const [name, result] of Object.entries(part))
      if (isPerImage(name, result)) rows.set(name, [...(rows.get(name) ?? []), result]);
      else if (added > 1) addTo({ sum: floatsOf(results, name), more: floatsOf(part, name) }, { factor });
    if (added > 1) free(pickNames(part, (name) => name.startsWith(GRADIENT)));
  }
  if (added > 1) for (const [name, joined] of rows) results[name] = concatenated(joined);
  return results;
}

/** Results of the parts of a batch as `runParts` joins them: losses averaged, rows of images one after the other. */
export function joinParts(parts: readonly NamedHostTensors[]): NamedHostTensors {
  if (parts.length === 1) return parts[0]!;
  return mapValues(parts[0]!, (one, name) => {
    const all = parts.map((part) => part[name]!);
    if (isPerImage(name, one)) return concatenated(all);
    const mean = all.reduce((sum, { data }) => sum + data[0]!, 0) / all.length;
    return { dtype: "float32", shape: one.shape, data: Float32Array.of(mean) };
  });
}

/** Whether a result has a row for each image; scalars and gradients have not. */
function isPerImage(name: string, { shape }: HostTensor): boolean {
  return shape.length > 0 && !name.startsWith(GRADIENT);
}

/** `sum = (sum + more) factor`. */
const addTo = vectorKernel({ arrays: ["sum", "more"], numbers: ["factor"] }, ({ add, mul }, { sum, more, factor }) => ({
  sum: mul(add(sum, more), factor),
}));

function concatenated(rows: readonly HostTensor[]): HostTensor {
  const { dtype, shape } = rows[0]!;
  const length = rows.reduce((sum, { data }) => sum + data.length, 0);
  const data = dtype === "int32" ? new Int32Array(length) : new Float32Array(length);
  let at = 0;
  for (const row of rows) {
    data.set(row.data, at);
    at += row.data.length;
  }
  return { dtype, shape: [shape[0]! * rows.length, ...shape.slice(1)], data };
}
