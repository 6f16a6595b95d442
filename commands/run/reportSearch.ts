/** Finds what other commands left in a folder and up to two levels below it. */
import type { Dirent } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { DataError, FileError } from "../../lib/errors.js";
import { type MetricsRecord, readMetrics } from "../../lib/files/metricsFile.js";
import { type RunConfig, readConfig } from "../../lib/files/runConfig.js";

export type FoundRun = {
  /** Below the folder that was searched, with `/`; "." for that folder itself. */
  readonly folder: string;
  readonly config: RunConfig;
  readonly metrics: readonly MetricsRecord[];
  /** Whether the trained model is there. */
  readonly finished: boolean;
};

/** A JSON file with the path below the folder that was searched. */
export type FoundFile = { readonly file: string; readonly content: Readonly<Record<string, unknown>> };

/** Everything found, nearest to the top first, then by name. */
export type Findings = {
  readonly tokenizerRuns: readonly FoundRun[];
  readonly priorRuns: readonly FoundRun[];
  /** `evaluation.json`: reconstructions. */
  readonly evaluations: readonly FoundFile[];
  /** `likelihood.json`: codes predicted. */
  readonly likelihoods: readonly FoundFile[];
  /** `samples.json`: samples measured. */
  readonly samples: readonly FoundFile[];
  /** `index.json` of a folder of samples. */
  readonly sampleFolders: readonly FoundFile[];
  /** `probe.json`. */
  readonly probes: readonly FoundFile[];
  /** `*.encode.json`: what `encode --json` printed. */
  readonly encodings: readonly FoundFile[];
  /** What could not be read, a sentence each. */
  readonly damaged: readonly string[];
};

const DEPTH = 2;
const NOT_SEARCHED = ["checkpoints", "node_modules"];

/** @throws DataError when the folder cannot be listed */
export async function searchResults(folder: string): Promise<Findings> {
  const found = {
    tokenizerRuns: [] as FoundRun[],
    priorRuns: [] as FoundRun[],
    evaluations: [] as FoundFile[],
    likelihoods: [] as FoundFile[],
    samples: [] as FoundFile[],
    sampleFolders: [] as FoundFile[],
    probes: [] as FoundFile[],
    encodings: [] as FoundFile[],
    damaged: [] as string[],
  };
  const runsOf: Record<string, FoundRun[]> = { "train-vq": found.tokenizerRuns, "train-vim": found.priorRuns };
  const note = (error: unknown) => {
    if (!(error instanceof FileError)) throw error;
    found.damaged.push(error.message);
  };
  for (const { folder: at, files } of await listFolders(folder)) {
    if (files.includes("config.json") && files.includes("metrics.jsonl")) {
      const run = await readRun(folder, at, files).catch(note);
      if (run) runsOf[run.config.command]?.push(run);
    }
    for (const name of files) {
      const list = listFor(found, name);
      const file = list && (await readObject(folder, path.posix.join(at, name)).catch(note));
      if (list && file && (name !== "index.json" || Array.isArray(file.content["images"]))) list.push(file);
    }
  }
  return found;
}

type Lists = Record<"evaluations" | "likelihoods" | "samples" | "sampleFolders" | "probes" | "encodings", FoundFile[]>;

function listFor(found: Lists, name: string): FoundFile[] | undefined {
  if (name.endsWith(".encode.json")) return found.encodings;
  const lists: Readonly<Record<string, FoundFile[]>> = {
    "evaluation.json": found.evaluations,
    "likelihood.json": found.likelihoods,
    "samples.json": found.samples,
    "index.json": found.sampleFolders,
    "probe.json": found.probes,
  };
  return Object.hasOwn(lists, name) ? lists[name] : undefined;
}

type Listed = { readonly folder: string; readonly files: readonly string[] };

/** The folder and those below it, breadth first, with their files sorted by name; links are not followed. */
async function listFolders(root: string): Promise<Listed[]> {
  const listed: Listed[] = [];
  let level = ["."];
  for (let depth = 0; depth <= DEPTH; depth++) {
    const next: string[] = [];
    for (const folder of level) {
      const entries = (await list(root, folder)).filter(({ name }) => !name.startsWith("."));
      const names = (which: (entry: Dirent) => boolean) => entries.filter(which).map(({ name }) => name);
      listed.push({ folder, files: names((entry) => entry.isFile()).sort() });
      const below = names((entry) => entry.isDirectory() && !NOT_SEARCHED.includes(entry.name)).sort();
      for (const name of below) next.push(path.posix.join(folder, name));
    }
    level = next;
  }
  return listed;
}

async function list(root: string, folder: string): Promise<Dirent[]> {
  return await readdir(path.join(root, folder), { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (folder !== ".") return []; // gone or closed to us: as if it were not there
    const reason = { ENOENT: "no such folder", ENOTDIR: "not a folder" }[error.code ?? ""] ?? error.message;
    throw new DataError(`cannot report on ${root}: ${reason}`, { cause: error });
  });
}

async function readRun(root: string, folder: string, files: readonly string[]): Promise<FoundRun> {
  const full = path.join(root, folder);
  const [config, metrics] = await Promise.all([readConfig(full), readMetrics(path.join(full, "metrics.jsonl"))]);
  return { folder, config, metrics, finished: files.includes("model.safetensors") };
}

async function readObject(root: string, file: string): Promise<FoundFile> {
  const full = path.join(root, file);
  let content: unknown;
  try {
    content = JSON.parse(await readFile(full, "utf8"));
  } catch (error) {
    throw new FileError(`${full}: cannot be read: ${error instanceof Error ? error.message : error}`, { cause: error });
  }
  if (typeof content === "object" && content !== null && !Array.isArray(content))
    return { file, content: content as Record<string, unknown> };
  throw new FileError(`${full}: want one JSON object`);
}
