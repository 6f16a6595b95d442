/** Streams a token file to disk: codes as they come, then labels, and at last the header into room kept at the front. */
import { createPending, type PendingFile } from "./atomic.js";
import { bytesOf } from "./bytes.js";
import { encodeHeader, type PlacedTensor } from "./safetensorsHeader.js";
import { MAX_VOCABULARY, TOKEN_FORMAT, type TokenFileHeader, U16_VOCABULARY } from "./tokenFile.js";

/** A token file that is being written; end with `finish` or `abort`. */
export type TokenFileWriter = {
  /** Rows appended so far. */
  readonly count: number;
  /**
   * Writes rows out; only their labels stay in memory.
   * @param codes [n * T], 0..vocabulary-1
   * @param labels [n], -1 (or the whole array left out) where unknown
   * @throws RangeError when a code or label is out of range or the sizes do not fit; nothing is written then
   */
  append(codes: Int32Array, labels?: Int32Array): Promise<void>;
  /** Writes labels and header, flushes, and gives the file its name. */
  finish(): Promise<void>;
  /** Removes what was written; does nothing after `finish`. */
  abort(): Promise<void>;
};

/**
 * Starts a token file under a temporary name; nothing shows at `path` before `finish`.
 * @throws RangeError when the header makes no sense
 * @throws FileError when the file cannot be written
 */
export async function createTokenFile(path: string, header: TokenFileHeader): Promise<TokenFileWriter> {
  const metadata = metadataOf(header);
  const room = encodeHeader({ metadata, tensors: layout(header, LONGEST) }).length;
  return new StreamingWriter(await createPending(path), header, { metadata, room });
}

// No real header is longer than the one of so many rows; the count is odd so that padding is in it where it can be.
const LONGEST = { count: 2 ** 40 + 1, labelled: true };
const MAX_SIDE = 4096; // tokens; keeps every number in that header below 10^21, where digits end

class StreamingWriter implements TokenFileWriter {
  private rows = 0;
  private labelled = false;
  private readonly labels = new GrowingInt32();

  constructor(
    private readonly file: PendingFile,
    private readonly header: TokenFileHeader,
    private readonly front: { metadata: Record<string, string>; room: number },
  ) {}

  get count(): number {
    return this.rows;
  }

  async append(codes: Int32Array, labels?: Int32Array): Promise<void> {
    const n = codes.length / tokensOf(this.header);
    expectRows(this.header, { n, codes, labels });
    const bytes = bytesOf(this.header.vocabulary <= U16_VOCABULARY ? new Uint16Array(codes) : codes);
    const position = this.front.room + this.rows * rowBytes(this.header);
    this.rows += n;
    this.labels.append(labels ?? new Int32Array(n).fill(-1));
    this.labelled ||= labels?.some((label) => label >= 0) ?? false;
    await this.file.write(bytes, position);
  }

  async finish(): Promise<void> {
    const tensors = layout(this.header, { count: this.rows, labelled: this.labelled });
    const { metadata, room } = this.front;
    try {
      await this.writeTail(tensors);
      await this.file.write(encodeHeader({ metadata, tensors }, room), 0);
      await this.file.commit();
    } catch (error) {
      await this.file.abort();
      throw error;
    }
  }

  async abort(): Promise<void> {
    await this.file.abort();
  }

  private async writeTail(tensors: ReadonlyMap<string, PlacedTensor>): Promise<void> {
    const padding = tensors.get("padding");
    if (padding) await this.file.write(new Uint8Array(2), this.front.room + padding.begin);
    const labels = tensors.get("labels");
    if (!labels) return;
    await this.file.write(bytesOf(this.labels.values), this.front.room + labels.begin);
  }
}

/** Numbers that come a few at a time, in one array: as many small arrays would take several times their content. */
class GrowingInt32 {
  private array = new Int32Array(1024);
  private length = 0;

  get values(): Int32Array {
    return this.array.subarray(0, this.length);
  }

  append(more: Int32Array): void {
    const length = this.length + more.length;
    if (length > this.array.length) {
      const larger = new Int32Array(Math.max(length, 2 * this.array.length));
      larger.set(this.values);
      this.array = larger;
    }
    this.array.set(more, this.length);
    this.length = length;
  }
}

function tokensOf({ grid: [rows, columns] }: TokenFileHeader): number {
  return rows * columns;
}

function rowBytes(header: TokenFileHeader): number {
  return tokensOf(header) * (header.vocabulary <= U16_VOCABULARY ? 2 : 4);
}

/** Where the tensors lie; labels are aligned to 4 bytes, because readers that map files refuse others. */
function layout(
  header: TokenFileHeader,
  { count, labelled }: { count: number; labelled: boolean },
): Map<string, PlacedTensor> {
  const dtype = header.vocabulary <= U16_VOCABULARY ? "U16" : "U32";
  const end = count * rowBytes(header);
  const tensors = new Map<string, PlacedTensor>();
  tensors.set("codes", { dtype, shape: [count, tokensOf(header)], begin: 0, end });
  if (!labelled) return tensors;
  const begin = 4 * Math.ceil(end / 4);
  if (begin > end) tensors.set("padding", { dtype: "U16", shape: [1], begin: end, end: begin });
  return tensors.set("labels", { dtype: "I32", shape: [count], begin, end: begin + 4 * count });
}

function metadataOf(header: TokenFileHeader): Record<string, string> {
  const { vocabulary, grid, tokenizerHash, classNames, source, viewsPerImage = 1, extra = {} } = header;
  expectSize("vocabulary", vocabulary, MAX_VOCABULARY);
  for (const side of grid) expectSize("grid", side, MAX_SIDE);
  expectSize("viewsPerImage", viewsPerImage, MAX_VOCABULARY);
  const own = {
    format: TOKEN_FORMAT,
    vocabulary: `${vocabulary}`,
    grid: grid.join(","),
    tokenizerHash,
    source,
    viewsPerImage: `${viewsPerImage}`,
  };
  const taken = Object.keys(extra).find((key) => key === "classNames" || key in own);
  if (taken) throw new RangeError(`token file: extra string "${taken}" has the name of a header field`);
  return { ...extra, ...own, ...(classNames && { classNames: JSON.stringify(classNames) }) };
}

function expectSize(what: string, size: number, most: number): void {
  if (!Number.isInteger(size) || size < 1 || size > most)
    throw new RangeError(`token file: want ${what} as a whole number within 1..${most}, got ${size}`);
}

function expectRows(
  header: TokenFileHeader,
  { n, codes, labels }: { n: number; codes: Int32Array; labels: Int32Array | undefined },
): void {
  const tokens = tokensOf(header);
  if (!Number.isInteger(n)) throw new RangeError(`token file: want rows of ${tokens} codes, got ${codes.length} codes`);
  if (labels && labels.length !== n) throw new RangeError(`token file: want ${n} labels, got ${labels.length}`);
  const wrong = codes.findIndex((code) => code < 0 || code >= header.vocabulary);
  if (wrong >= 0)
    throw new RangeError(
      `token file: code ${codes[wrong]} in row ${Math.floor(wrong / tokens)} at ${wrong % tokens} ` +
        `is outside 0..${header.vocabulary - 1}`,
    );
  const classes = header.classNames?.length ?? Number.POSITIVE_INFINITY;
  const odd = labels?.find((label) => label < -1 || label >= classes);
  if (odd !== undefined)
    throw new RangeError(`token file: label ${odd} is outside -1..${classes - 1} (-1 means unknown)`);
}
