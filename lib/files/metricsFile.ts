/** `metrics.jsonl`: one JSON object a line, in the order of steps. */
import { appendFile, open, readFile } from "node:fs/promises";
import { asWriteError, writeAtomically } from "./atomic.js";

/** What was measured at a step; numbers that JSON cannot hold (NaN, infinities) become null. */
export type MetricsRecord = { readonly step: number } & Readonly<Record<string, unknown>>;

/** Appends one line in one write, so that a kill can tear the last line at most. */
export async function appendMetrics(file: string, record: MetricsRecord): Promise<void> {
  await appendFile(file, `${JSON.stringify(record)}\n`).catch((error) => {
    throw asWriteError(file, error);
  });
}

/** All records of the file, none when it is missing; lines that are not whole records are left out. */
export async function readMetrics(file: string): Promise<MetricsRecord[]> {
  return (await readLines(file)).map(parseRecord).filter((record) => record !== undefined);
}

/**
 * Drops records after `lastStep` and lines that are not whole; the file is replaced atomically, and only if it changes.
 * @returns the number of lines dropped
 */
export async function cutMetrics(file: string, lastStep: number): Promise<number> {
  const lines = await readLines(file);
  const kept = lines.filter((line) => (parseRecord(line)?.step ?? Number.POSITIVE_INFINITY) <= lastStep);
  if (kept.length < lines.length) await writeAtomically(file, kept.map((line) => `${line}\n`).join(""));
  return lines.length - kept.length;
}

/** Flushes the file to disk, if it is there. */
export async function syncMetrics(file: string): Promise<void> {
  const handle = await open(file, "r+").catch(() => undefined);
  await handle?.sync();
  await handle?.close();
}

/** Non-empty lines; a last line without its newline is torn even if it parses, and gets a mark that does not. */
async function readLines(file: string): Promise<string[]> {
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  const lines = text.split("\n");
  const torn = lines.pop();
  const whole = lines.filter((line) => line !== "");
  return torn ? [...whole, `${torn}…`] : whole;
}

function parseRecord(line: string): MetricsRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isRecord = typeof value === "object" && value !== null && "step" in value && typeof value.step === "number";
    return isRecord ? (value as MetricsRecord) : undefined;
  } catch {
    return undefined;
  }
}
