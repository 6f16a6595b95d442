/** What the tests of files share: hand-made safetensors bytes, folder listings, small token files. */
import { readdir } from "node:fs/promises";
import * as assert from "uvu/assert";
import type { TokenFileHeader } from "../../lib/files/tokenFile.js";
import { createTokenFile, type TokenFileWriter } from "../../lib/files/tokenWriter.js";

/** The value, which must be there. */
export function present<T>(value: T | undefined): T {
  if (value === undefined) assert.unreachable("want a value, got undefined");
  return value as T;
}

/** A safetensors file from a header written by hand, with `dataBytes` zeros after it. */
export function safetensorsBytes(header: unknown, dataBytes: number): Buffer {
  const json = Buffer.from(typeof header === "string" ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, Buffer.alloc(dataBytes)]);
}

/** The names in a folder, sorted. */
export async function namesIn(folder: string): Promise<string[]> {
  return (await readdir(folder)).sort();
}

/** A small token file's header: 2 x 3 codes an image, everything set. */
export const tokenHeader = {
  vocabulary: 50,
  grid: [2, 3],
  tokenizerHash: "0123456789abcdef0123",
  classNames: ["cat", "dög"],
  source: "fixtures/animals",
  viewsPerImage: 2,
  extra: { imageSize: "256", channels: "3" },
} as const;

/** Codes of `n` rows that differ from row to row. */
export function rowsOf(n: number, tokens = 6, vocabulary = 50): Int32Array {
  return Int32Array.from({ length: n * tokens }, (_, i) => (i * 7 + 3) % vocabulary);
}

export function row(codes: Int32Array, index: number, tokens = 6): Int32Array {
  return codes.subarray(index * tokens, (index + 1) * tokens);
}

/** Writes a token file whose rows `body` appends. */
export async function writeTokens(
  file: string,
  header: TokenFileHeader,
  body: (writer: TokenFileWriter) => Promise<void>,
): Promise<void> {
  const writer = await createTokenFile(file, header);
  await body(writer);
  await writer.finish();
}
