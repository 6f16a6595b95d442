/**
 * Checkpoints of a run: folders `checkpoints/step-000500` with `model.safetensors` and `state.safetensors`, and the
 * file `last` that names the newest. A folder gets its name when it is whole; old ones go afterwards.
 */
import { readdir, readFile, rename, rm } from "node:fs/promises";
import path from "node:path";
import type { NamedHostTensors } from "../engine/types.js";
import { FileError } from "../errors.js";
import {
  asWriteError,
  isTemporaryName,
  linkFile,
  stableJson,
  syncFolder,
  temporaryName,
  writeAtomically,
} from "./atomic.js";
import { readHostTensors, writeHostTensors } from "./hostTensors.js";
import { openSafetensors } from "./safetensors.js";

/** Small JSON values that travel in a file's header. */
export type JsonMetadata = Readonly<Record<string, unknown>>;

/** What training saves: the weights, and everything else it needs to continue. */
export type CheckpointTensors = { readonly model: NamedHostTensors; readonly state: NamedHostTensors };

/** A whole checkpoint on disk. */
export type Checkpoint = {
  readonly step: number;
  readonly folder: string;
  readonly modelFile: string;
  readonly stateFile: string;
  readonly metadata: JsonMetadata;
  /** What was wrong with `last` or with newer checkpoints, a sentence each; empty when all was well. */
  readonly notes: readonly string[];
};

/** What to save and how many checkpoints to keep, this one included. */
export type SaveOptions = CheckpointTensors & {
  readonly step: number;
  readonly metadata: JsonMetadata;
  readonly keep: number;
  /** A file to keep with the checkpoint under its own name, as a link where the disk knows links. */
  readonly beside?: string | undefined;
};

/**
 * Saves a checkpoint: a temporary folder, flushed, renamed; then `last`; then older ones beyond `keep` are removed, and
 * newer ones too, which belong to a future that was given up (training went on from before them).
 * @param run the run directory
 */
export async function saveCheckpoint(run: string, options: SaveOptions): Promise<void> {
  const { step, model, state, metadata, keep, beside } = options;
  if (!Number.isSafeInteger(step) || step < 0) throw new RangeError(`checkpoint: want a step >= 0, got ${step}`);
  const folder = path.join(run, CHECKPOINTS, checkpointName(step));
  const temporary = temporaryName(folder);
  const header = packMetadata(metadata, step);
  try {
    await writeHostTensors(path.join(temporary, MODEL), model, header);
    await writeHostTensors(path.join(temporary, STATE), state, header);
    if (beside !== undefined) await linkFile(beside, path.join(temporary, path.basename(beside)));
    await putInPlace(temporary, folder);
  } catch (error) {
    await rm(temporary, { recursive: true, force: true });
    throw asWriteError(folder, error);
  }
  await syncFolder(path.dirname(folder));
  await writeAtomically(path.join(run, LAST), `${CHECKPOINTS}/${checkpointName(step)}\n`);
  await prune(run, step, keep);
}

/**
 * Finds the newest checkpoint that is whole, passing over damaged ones, with what was amiss in `notes`.
 * @returns undefined when there are no checkpoints
 * @throws FileError when there are some and none is whole
 */
export async function latestCheckpoint(run: string): Promise<Checkpoint | undefined> {
  const steps = await checkpointSteps(run);
  const damage: string[] = [];
  for (const step of steps.toReversed()) {
    try {
      const found = await openCheckpoint(path.join(run, CHECKPOINTS, checkpointName(step)), step);
      return { ...found, notes: [...damage, ...(await notesOnLast(run, steps.at(-1)!))] };
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      damage.push(`checkpoint of step ${step} passed over: ${error.message}`);
    }
  }
  if (damage.length === 0) return undefined;
  throw new FileError(`${run}: no checkpoint is whole; start over with --force (${damage.join("; ")})`);
}

/** Loads a checkpoint's tensors. */
export async function readCheckpoint({ modelFile, stateFile }: Checkpoint): Promise<CheckpointTensors> {
  const model = await readHostTensors(modelFile);
  const state = await readHostTensors(stateFile);
  return { model: model.tensors, state: state.tensors };
}

/** Removes what a killed process left among the checkpoints, after giving a replaced one its name back if need be. */
export async function tidyCheckpoints(run: string): Promise<void> {
  const parent = path.join(run, CHECKPOINTS);
  const names = await listFolder(parent);
  for (const name of names.filter((entry) => entry.endsWith(REPLACED))) {
    const original = name.slice(0, -REPLACED.length);
    if (!names.includes(original)) await rename(path.join(parent, name), path.join(parent, original));
    else await rm(path.join(parent, name), { recursive: true });
  }
  for (const name of names.filter(isTemporaryName)) await rm(path.join(parent, name), { recursive: true });
}

/** JSON metadata, and the step if there is one, as the strings of a safetensors header. */
export function packMetadata(metadata: JsonMetadata, step?: number): Record<string, string> {
  return { metadata: stableJson(metadata), ...(step !== undefined && { step: `${step}` }) };
}

/** The JSON metadata in a safetensors header; empty in files that other programs wrote. */
export function unpackMetadata(file: string, header: Readonly<Record<string, string>>): JsonMetadata {
  try {
    return JSON.parse(header.metadata ?? "{}") as JsonMetadata;
  } catch (error) {
    throw new FileError(`${file}: damaged: its metadata are not JSON`, { cause: error });
  }
}

/** The names in a folder, sorted; none when there is no such folder. */
export async function listFolder(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  return names.sort();
}

const CHECKPOINTS = "checkpoints";
const MODEL = "model.safetensors";
const STATE = "state.safetensors";
const LAST = "last";
const REPLACED = ".replaced.tmp";

function checkpointName(step: number): string {
  return `step-${String(step).padStart(6, "0")}`;
}

/** Steps with a checkpoint folder, rising. */
async function checkpointSteps(run: string): Promise<number[]> {
  const names = await listFolder(path.join(run, CHECKPOINTS));
  const steps = names.map((name) => Number(/^step-(\d{6,})$/.exec(name)?.[1] ?? Number.NaN));
  return steps.filter((step) => !Number.isNaN(step)).sort((a, b) => a - b);
}

/** Renames the new folder; one of the same step steps aside first, since a folder cannot be renamed over another. */
async function putInPlace(temporary: string, folder: string): Promise<void> {
  const exists = (await listFolder(folder)).length > 0;
  if (exists) await rename(folder, folder + REPLACED);
  await rename(temporary, folder);
  if (exists) await rm(folder + REPLACED, { recursive: true });
}

async function openCheckpoint(folder: string, step: number): Promise<Omit<Checkpoint, "notes">> {
  const modelFile = path.join(folder, MODEL);
  const stateFile = path.join(folder, STATE);
  await readHeaderOf(modelFile, step);
  const metadata = unpackMetadata(stateFile, await readHeaderOf(stateFile, step));
  return { step, folder, modelFile, stateFile, metadata };
}

async function readHeaderOf(file: string, step: number): Promise<Readonly<Record<string, string>>> {
  const { metadata, close } = await openSafetensors(file);
  await close();
  if (metadata.step === `${step}`) return metadata;
  throw new FileError(`${file}: want the state of step ${step}, got step ${metadata.step ?? "none"}`);
}

async function notesOnLast(run: string, newest: number): Promise<string[]> {
  const want = `${CHECKPOINTS}/${checkpointName(newest)}`;
  const got = await readFile(path.join(run, LAST), "utf8").catch(() => undefined);
  if (got?.trim() === want) return [];
  return [`${path.join(run, LAST)} ${got === undefined ? "is missing" : `names ${got.trim()}`}, the newest is ${want}`];
}

async function prune(run: string, step: number, keep: number): Promise<void> {
  const steps = await checkpointSteps(run);
  const older = steps.filter((other) => other <= step);
  const kept = older.slice(Math.max(0, older.length - keep));
  for (const old of steps.filter((other) => !kept.includes(other))) {
    const folder = path.join(run, CHECKPOINTS, checkpointName(old));
    const temporary = temporaryName(folder); // renamed first: a kill midway must not leave half a checkpoint
    await rename(folder, temporary);
    await rm(temporary, { recursive: true });
  }
}
