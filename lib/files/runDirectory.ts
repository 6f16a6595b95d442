/**
 * The run directory, everything that training leaves behind:
 *
 *     config.json            the resolved config
 *     metrics.jsonl          one record a line
 *     checkpoints/step-*     model and state, the newest few
 *     last                   names the newest checkpoint
 *     model.safetensors      the trained model, there only when training has ended
 *     best.safetensors       the weights with the best score so far, in trainings that keep them
 *     samples/               images
 *     lock                   names the process that trains here, while it does
 */
import { rename, rm, stat } from "node:fs/promises";
import path from "node:path";
import type { NamedHostTensors } from "../engine/types.js";
import { FileError, UsageError } from "../errors.js";
import { isTemporaryName, linkFile, makeFolder, temporaryName, writeJson } from "./atomic.js";
import {
  type Checkpoint,
  type CheckpointTensors,
  type JsonMetadata,
  latestCheckpoint,
  listFolder,
  packMetadata,
  saveCheckpoint,
  tidyCheckpoints,
  unpackMetadata,
} from "./checkpoints.js";
import { writeHostTensors } from "./hostTensors.js";
import { appendMetrics, cutMetrics, type MetricsRecord, syncMetrics } from "./metricsFile.js";
import { type RunConfig, readConfig } from "./runConfig.js";
import { LOCK, lockRun, type RunLock } from "./runLock.js";
import { openSafetensors } from "./safetensors.js";

export type OpenRunOptions = {
  /** What to do with a folder that is not empty: refuse, continue the run in it, or replace that run. */
  readonly mode: "new" | "resume" | "force";
  /** The command that trains here; a run of another command is never continued or deleted. */
  readonly command: string;
  /** Checkpoints to keep, >= 1; default 2. */
  readonly keep?: number;
  /** Told when it takes a while to see whether another process still trains here. */
  readonly onWait?: (note: string) => void;
};

/** An open run: no other process can open it until it is closed. */
export type Run = {
  readonly folder: string;
  /** Folder for sample images; made with the config. */
  readonly samples: string;
  /** The config found in the folder when a run is resumed, else undefined. */
  readonly storedConfig: RunConfig | undefined;
  /** Makes the run that of this config; only now the run that "force" replaces is deleted. */
  writeConfig(config: RunConfig): Promise<void>;
  /** Appends one line. Append a step's record before saving its checkpoint: resuming drops what comes after. */
  appendMetrics(record: MetricsRecord): Promise<void>;
  /** Saves weights and state of a step, points `last` at it and removes old checkpoints. */
  saveCheckpoint(step: number, tensors: CheckpointTensors, metadata: JsonMetadata): Promise<void>;
  /**
   * The newest whole checkpoint, its `notes` saying what was passed over; undefined when there is none yet.
   * @throws FileError when there are checkpoints and none is whole
   */
  latestCheckpoint(): Promise<Checkpoint | undefined>;
  /**
   * `latestCheckpoint`, with the metrics cut back to its step (to nothing when there is none) and the best weights those
   * of its time: call it to continue.
   */
  resume(): Promise<Checkpoint | undefined>;
  /** Writes the weights with the best score so far; checkpoints keep those of their time. */
  writeBest(model: NamedHostTensors, metadata: JsonMetadata): Promise<void>;
  /** Writes the trained model: the run is finished. */
  finish(model: NamedHostTensors, metadata: JsonMetadata): Promise<void>;
  close(): Promise<void>;
};

/**
 * Opens a folder for training. What a killed process left behind (temporary names, its lock) counts as nothing and is removed.
 * @throws UsageError when another process has the folder open, the folder is not empty and `mode` is "new", or it holds a run
 * of another command
 * @throws FileError when "resume" or "force" meets a folder that is not empty and holds no run
 */
export async function openRun(folder: string, options: OpenRunOptions): Promise<Run> {
  const { mode, command, keep = 2, onWait } = options;
  if (!(keep >= 1)) throw new RangeError(`run: want to keep at least 1 checkpoint, got ${keep}`);
  await makeRunFolder(folder);
  const lock = await lockRun(folder, { onWait });
  try {
    const found = await readRun(folder, options);
    await removeLeftovers(folder);
    const replaces = mode === "force" && found !== undefined;
    return runIn(folder, { command, keep, lock, replaces, storedConfig: replaces ? undefined : found });
  } catch (error) {
    await lock.release();
    throw error;
  }
}

/** The config of the run in a folder, undefined where there is nothing; throws as `openRun` does. */
async function readRun(folder: string, { mode, command }: OpenRunOptions): Promise<RunConfig | undefined> {
  if ((await entriesOf(folder)).length === 0) return undefined;
  if (mode === "new") throw notEmpty(folder, await exists(path.join(folder, CONFIG)));
  const config = await readConfigOrRefuse(folder);
  if (config.command !== command) throw otherCommand(folder, config.command, command);
  return config;
}

/**
 * What is kept beside the trained model of a run, undefined where there is no run, or none that is finished.
 * @throws FileError when the metadata are damaged
 */
export async function finishedMetadata(folder: string): Promise<JsonMetadata | undefined> {
  const file = path.join(folder, MODEL);
  const header = (await exists(path.join(folder, CONFIG))) ? await readHeader(file) : undefined;
  return header && unpackMetadata(file, header);
}

/** The names in a folder, but for what comes and goes with the process that works there; none when there is no such folder. */
export async function entriesOf(folder: string): Promise<string[]> {
  return (await listFolder(folder)).filter((name) => name !== LOCK && !isTemporaryName(name));
}

type RunContext = {
  readonly command: string;
  readonly keep: number;
  readonly lock: RunLock;
  /** Whether the run that is there goes when this one begins. */
  readonly replaces: boolean;
  readonly storedConfig: RunConfig | undefined;
};

function runIn(folder: string, { command, keep, lock, replaces, storedConfig }: RunContext): Run {
  const metrics = path.join(folder, "metrics.jsonl");
  const model = path.join(folder, MODEL);
  const best = path.join(folder, BEST);
  const samples = path.join(folder, "samples");
  let replaced = !replaces;
  return {
    folder,
    samples,
    storedConfig,
    writeConfig: async (config) => {
      if (config.command !== command) throw new RangeError(`run: want a ${command} config, got ${config.command}`);
      if (!replaced) await removeRun(folder);
      replaced = true;
      await writeJson(path.join(folder, CONFIG), config);
      await makeFolder(samples);
    },
    appendMetrics: (record) => appendMetrics(metrics, record),
    saveCheckpoint: async (step, tensors, metadata) => {
      await lock.expectHeld();
      await syncMetrics(metrics);
      const beside = (await exists(best)) ? best : undefined;
      await saveCheckpoint(folder, { step, ...tensors, metadata, keep, beside });
    },
    latestCheckpoint: () => latestCheckpoint(folder),
    resume: async () => {
      const checkpoint = await latestCheckpoint(folder);
      await cutMetrics(metrics, checkpoint?.step ?? -1);
      await restoreFile(best, checkpoint && path.join(checkpoint.folder, BEST));
      return checkpoint;
    },
    writeBest: (tensors, metadata) => writeHostTensors(best, tensors, packMetadata(metadata)),
    finish: async (tensors, metadata) => {
      await lock.expectHeld();
      await syncMetrics(metrics);
      await writeHostTensors(model, tensors, packMetadata(metadata));
    },
    close: () => lock.release(),
  };
}

const CONFIG = "config.json";

/** The trained model. */
const MODEL = "model.safetensors";

/** The weights with the best score, in a run and in its checkpoints. */
const BEST = "best.safetensors";

/** Makes `file` what it was when `kept` was put aside; it goes when there is none. */
async function restoreFile(file: string, kept: string | undefined): Promise<void> {
  if (kept === undefined || !(await exists(kept))) return await rm(file, { force: true });
  const temporary = temporaryName(file);
  await linkFile(kept, temporary);
  await rename(temporary, file);
  await rm(temporary, { force: true }); // renaming over a link to the same file does nothing
}

const exists = (file: string): Promise<boolean> =>
  stat(file).then(
    () => true,
    () => false,
  );

async function makeRunFolder(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found && !found.isDirectory()) throw new UsageError(`${folder}: want a folder for the run, this is a file`);
  await makeFolder(folder);
}

async function readConfigOrRefuse(folder: string): Promise<RunConfig> {
  return await readConfig(folder).catch((error) => {
    if (!(error instanceof FileError)) throw error;
    throw new FileError(`${error.message}; name another folder, or remove this one yourself`, { cause: error });
  });
}

function notEmpty(folder: string, holdsRun: boolean): UsageError {
  const remedy = holdsRun
    ? "--resume continues the run in it, --force deletes that run and starts anew; or name another folder"
    : "it holds no run to go on with (no config.json); name another folder, or empty this one yourself";
  return new UsageError(`${folder} is not empty: ${remedy}`);
}

function otherCommand(folder: string, got: string, want: string): UsageError {
  return new UsageError(
    `${folder} holds a ${got} run, not one of ${want}; name another folder, or remove this one yourself`,
  );
}

async function removeLeftovers(folder: string): Promise<void> {
  for (const parent of [folder, path.join(folder, "samples")])
    for (const name of (await listFolder(parent)).filter(isTemporaryName))
      await rm(path.join(parent, name), { recursive: true });
  await tidyCheckpoints(folder);
}

/** Removes the files of a run and nothing else; the config goes last, so that a kill midway leaves a run to force again. */
async function removeRun(folder: string): Promise<void> {
  for (const name of [MODEL, BEST, "last", "checkpoints", "metrics.jsonl", "samples", CONFIG])
    await rm(path.join(folder, name), { recursive: true, force: true });
}

/** The strings in the header of a file; undefined where it is damaged or missing. */
async function readHeader(file: string): Promise<Readonly<Record<string, string>> | undefined> {
  try {
    const { metadata, close } = await openSafetensors(file);
    await close();
    return metadata;
  } catch (error) {
    if (error instanceof FileError) return undefined;
    throw error;
  }
}
