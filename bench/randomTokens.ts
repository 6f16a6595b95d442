import { createTokenFile } from "../lib/files/tokenWriter.js";
import { rngFrom } from "../lib/random.js";

export type RandomTokens = {
  readonly rows: number;
  readonly grid: readonly [rows: number, columns: number];
  readonly vocabulary: number;
  readonly classes: number;
};

const TOGETHER = 1000; // rows

/** Writes a token file of random codes and classes, a thousand rows at a time. */
export async function writeRandomTokens(
  file: string,
  { rows, grid, vocabulary, classes }: RandomTokens,
): Promise<void> {
  const rng = rngFrom(1);
  const random = (count: number, below: number) => Int32Array.from({ length: count }, () => rng.integer(below));
  const classNames = Array.from({ length: classes }, (_, i) => `class ${i}`);
  const header = { vocabulary, grid, tokenizerHash: "0".repeat(64), classNames, source: "random" };
  const writer = await createTokenFile(file, header);
  for (let from = 0; from < rows; from += TOGETHER) {
    const some = Math.min(TOGETHER, rows - from);
    await writer.append(random(some * grid[0] * grid[1], vocabulary), random(some, classes));
  }
  await writer.finish();
}
