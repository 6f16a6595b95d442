/**
 * Token files: the codes of a data set as one safetensors file that any reader of the format opens.
 *
 * - `codes` [N, T], T = rows * columns: U16, or U32 when the vocabulary is over 65536; R codes a token stand side by side
 * - `labels` I32 [N], -1 where unknown; absent when no image has one
 * - `padding`, one U16 zero, only where `labels` would not be aligned otherwise (the format allows no holes)
 * - metadata, all strings: `format` "vitvq-tokens", `vocabulary`, `grid` "rows,columns", `tokenizerHash`,
 *   `source`, `viewsPerImage`, `classNames` as a JSON array if there are any, and the extra strings
 */
import { FileError } from "../errors.js";
import { openSafetensors, type SafetensorsFile } from "./safetensors.js";

/** What a token file says of itself. */
export type TokenFileHeader = {
  /** Number of different codes K; codes are 0..K-1. */
  readonly vocabulary: number;
  /** Of codes: with R codes a token there are R times as many columns as tokens in a row. */
  readonly grid: readonly [rows: number, columns: number];
  /** `weightsHash` of the tokenizer that made the codes. */
  readonly tokenizerHash: string;
  /** Names of labels 0, 1, ... */
  readonly classNames?: readonly string[];
  /** The data the images came from, in words or as a path. */
  readonly source: string;
  /** Rows per image (crops, flips), one after the other; default 1. */
  readonly viewsPerImage?: number;
  /** Anything small besides, for instance `{ imageSize: "256" }`. */
  readonly extra?: Readonly<Record<string, string>>;
};

/** An open token file. */
export type TokenFile = Required<Omit<TokenFileHeader, "classNames">> & {
  readonly path: string;
  readonly classNames: readonly string[] | undefined;
  /** N, the number of rows. */
  readonly count: number;
  /** T = rows * columns. */
  readonly tokensPerImage: number;
  /** [N], -1 where unknown; undefined when no image has a label. */
  readonly labels: Int32Array | undefined;
  /**
   * Rows at any positions, in the order asked for, repeats allowed.
   * @returns codes, [indices.length * T]
   * @throws RangeError when an index is outside 0..N-1
   * @throws FileError when a stored code is outside the vocabulary
   */
  read(indices: ArrayLike<number>): Promise<Int32Array>;
  /** Rows `from .. from + count - 1`, [count * T]; throws as `read` does. */
  readRange(from: number, count: number): Promise<Int32Array>;
  close(): Promise<void>;
};

/** Vocabularies up to this size are stored as U16. */
export const U16_VOCABULARY = 65536;

/** Largest vocabulary that int32 codes can name. */
export const MAX_VOCABULARY = 2 ** 31;

/** Value of `format` in the metadata. */
export const TOKEN_FORMAT = "vitvq-tokens";

/** Whether a place is said to be a token file, and not images. */
export const isTokenFile = (place: string): boolean => place.toLowerCase().endsWith(".safetensors");

/**
 * Opens a token file; labels are loaded, codes stay on disk.
 * @throws FileError when it is missing, damaged, or a safetensors file of another kind
 */
export async function openTokenFile(path: string): Promise<TokenFile> {
  const file = await openSafetensors(path);
  try {
    return await tokenFileOf(file);
  } catch (error) {
    await file.close();
    throw error;
  }
}

/**
 * Refuses codes that another tokenizer made.
 * @param hash `weightsHash` of the tokenizer at hand
 * @throws FileError naming both hashes
 */
export function expectTokenizer({ path, tokenizerHash }: TokenFile, hash: string): void {
  if (tokenizerHash === hash) return;
  throw new FileError(
    `${path}: these codes were made by the tokenizer ${short(tokenizerHash)}, the one given is ${short(hash)}; ` +
      "give the tokenizer that made them, or encode the images again with this one",
  );
}

const ROWS_IN_FLIGHT = 512; // reads handed to the system at once

async function tokenFileOf(file: SafetensorsFile): Promise<TokenFile> {
  const header = parseMetadata(file);
  const [rows, columns] = header.grid;
  const tokensPerImage = rows * columns;
  const count = expectCodes(file, header.vocabulary, tokensPerImage);
  const labels = await readLabels(file, count);
  const readRange = async (from: number, rowCount: number): Promise<Int32Array> =>
    toCodes(file.path, (await file.readRows("codes", from, rowCount)).data as CodeArray, header.vocabulary);
  const read = async (indices: ArrayLike<number>): Promise<Int32Array> => {
    const codes = new Int32Array(indices.length * tokensPerImage);
    for (let at = 0; at < indices.length; at += ROWS_IN_FLIGHT) {
      const some = Array.from({ length: Math.min(ROWS_IN_FLIGHT, indices.length - at) }, (_, i) => at + i);
      await Promise.all(some.map(async (i) => codes.set(await readRange(indices[i]!, 1), i * tokensPerImage)));
    }
    return codes;
  };
  return { ...header, path: file.path, count, tokensPerImage, labels, read, readRange, close: () => file.close() };
}

type Metadata = Required<Omit<TokenFileHeader, "classNames">> & { classNames: readonly string[] | undefined };

function parseMetadata({ path, metadata }: SafetensorsFile): Metadata {
  const { format, vocabulary, grid, tokenizerHash, classNames, source, viewsPerImage, ...extra } = metadata;
  if (format !== TOKEN_FORMAT)
    throw new FileError(`${path}: not a token file; want one that \`vitvq encode\` wrote (format "${TOKEN_FORMAT}")`);
  const sides = (grid ?? "").split(",").map((side) => toSize(path, "grid", side));
  const [rows, columns] = sides;
  if (rows === undefined || columns === undefined || sides.length !== 2)
    throw new FileError(`${path}: damaged token file: grid must be "rows,columns", got "${grid}"`);
  if (tokenizerHash === undefined || source === undefined)
    throw new FileError(`${path}: damaged token file: its metadata lack tokenizerHash or source`);
  return {
    vocabulary: toSize(path, "vocabulary", vocabulary),
    grid: [rows, columns],
    tokenizerHash,
    classNames: classNames === undefined ? undefined : toNames(path, classNames),
    source,
    viewsPerImage: toSize(path, "viewsPerImage", viewsPerImage),
    extra,
  };
}

function toSize(path: string, what: string, text: string | undefined): number {
  const size = Number(text);
  if (Number.isSafeInteger(size) && size > 0) return size;
  throw new FileError(`${path}: damaged token file: ${what} must be a whole number > 0, got ${text ?? "nothing"}`);
}

function toNames(path: string, text: string): string[] {
  try {
    const names: unknown = JSON.parse(text);
    if (Array.isArray(names) && names.every((name) => typeof name === "string")) return names;
  } catch {
    // falls through to the one message for both
  }
  throw new FileError(`${path}: damaged token file: classNames must be a JSON array of strings`);
}

/** Checks type and shape of `codes` and returns N. */
function expectCodes({ path, tensors }: SafetensorsFile, vocabulary: number, tokensPerImage: number): number {
  const codes = tensors.get("codes");
  const dtype = vocabulary <= U16_VOCABULARY ? "U16" : "U32";
  const [count, width] = codes?.shape ?? [];
  if (codes?.dtype !== dtype || codes.shape.length !== 2 || count === undefined || width !== tokensPerImage)
    throw new FileError(
      `${path}: damaged token file: want codes ${dtype} [N, ${tokensPerImage}], ` +
        `got ${codes ? `${codes.dtype} [${codes.shape.join(", ")}]` : "none"}`,
    );
  return count;
}

async function readLabels(file: SafetensorsFile, count: number): Promise<Int32Array | undefined> {
  if (!file.tensors.has("labels")) return undefined;
  const { dtype, shape, data } = await file.read("labels");
  if (dtype === "I32" && shape.length === 1 && shape[0] === count) return data;
  throw new FileError(
    `${file.path}: damaged token file: want labels I32 [${count}], got ${dtype} [${shape.join(", ")}]`,
  );
}

type CodeArray = Uint16Array | Uint32Array;

function toCodes(path: string, stored: CodeArray, vocabulary: number): Int32Array {
  const codes = new Int32Array(stored.length);
  for (let i = 0; i < stored.length; i++) {
    const code = stored[i]!;
    if (code >= vocabulary)
      throw new FileError(`${path}: damaged token file: code ${code} is outside the vocabulary of ${vocabulary}`);
    codes[i] = code;
  }
  return codes;
}

function short(hash: string): string {
  return hash.slice(0, 12);
}
