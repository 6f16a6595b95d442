/** One batch computed in parts: gradient accumulation. */
import type { HostTensor, NamedHostTensors, Program } from "../engine/types.js";
import { GRADIENT } from "./tokenizerSteps.js";

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
 * Runs a program on every part of a batch. Losses and gradients are means over the parts, which makes them those of the
 * whole batch where the loss is a mean over images; what has a row for each image is joined.
 * @param feeds what all parts share
 * @param parts what differs
 */
export async function runParts(
  program: Pick<Program, "run">,
  feeds: NamedHostTensors,
  parts: readonly NamedHostTensors[],
): Promise<NamedHostTensors> {
  const [first, ...others] = parts;
  const results = await program.run({ ...feeds, ...first });
  if (others.length === 0) return results;
  const joined = new Map<string, HostTensor[]>();
  for (const [name, result] of Object.entries(results)) if (isPerImage(name, result)) joined.set(name, [result]);
  for (const part of others) {
    const more = await program.run({ ...feeds, ...part });
    for (const [name, result] of Object.entries(more)) {
      const rows = joined.get(name);
      if (rows) rows.push(result);
      else add(results[name]!.data, result.data);
    }
  }
  for (const [name, rows] of joined) results[name] = concatenated(rows);
  for (const [name, { data }] of Object.entries(results)) if (!joined.has(name)) scale(data, 1 / parts.length);
  return results;
}

/** Whether a result has a row for each image; scalars and gradients have not. */
function isPerImage(name: string, { shape }: HostTensor): boolean {
  return shape.length > 0 && !name.startsWith(GRADIENT);
}

function add(sum: HostTensor["data"], more: HostTensor["data"]): void {
  for (let i = 0; i < sum.length; i++) sum[i]! += more[i]!;
}

function scale(values: HostTensor["data"], factor: number): void {
  for (let i = 0; i < values.length; i++) values[i]! *= factor;
}

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
