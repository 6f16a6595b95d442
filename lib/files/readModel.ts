/** Trained models as other commands take them: a run directory, a checkpoint folder or a .safetensors file. */
import { stat } from "node:fs/promises";
import path from "node:path";
import type { NamedHostTensors } from "../engine/types.js";
import { FileError } from "../errors.js";
import { type JsonMetadata, latestCheckpoint, unpackMetadata } from "./checkpoints.js";
import { readHostTensors, weightsHash } from "./hostTensors.js";
import { type RunConfig, readConfig } from "./runConfig.js";

/** A model ready for use. */
export type StoredModel = {
  readonly config: RunConfig;
  readonly tensors: NamedHostTensors;
  /** What the writer kept beside the weights. */
  readonly metadata: JsonMetadata;
  /** `weightsHash` of the tensors. */
  readonly hash: string;
  /** The file read. */
  readonly file: string;
  /** What was passed over to find it, a sentence each. */
  readonly notes: readonly string[];
};

export type ReadModelOptions = {
  /** In a run directory, take the newest checkpoint's model instead of the finished one. */
  readonly checkpoint?: boolean;
};

/**
 * Reads a model with its config, which lies beside the file or, for a checkpoint, in its run.
 * @param source run directory, checkpoint folder or .safetensors file
 * @throws FileError when there is nothing, training has not finished, or a file is damaged
 */
export async function readModel(source: string, options: ReadModelOptions = {}): Promise<StoredModel> {
  const { file, notes } = await locate(source, options.checkpoint ?? false);
  const config = await readConfig(await configFolder(file));
  const { tensors, metadata } = await readHostTensors(file);
  return { config, tensors, metadata: unpackMetadata(file, metadata), hash: weightsHash(tensors), file, notes };
}

type Located = { file: string; notes: readonly string[] };

async function locate(source: string, wantCheckpoint: boolean): Promise<Located> {
  const kind = await kindOf(source);
  if (kind === "missing") throw new FileError(`${source}: no such run or model file`);
  if (kind === "file") return { file: source, notes: [] };
  const file = path.join(source, "model.safetensors");
  const finished = (await kindOf(file)) === "file";
  if (!wantCheckpoint && finished) return { file, notes: [] };
  const { command } = await readConfig(source);
  const checkpoint = await latestCheckpoint(source);
  if (!checkpoint && finished) return { file, notes: [] }; // of a run that keeps none, as imported ones
  if (!checkpoint) throw new FileError(`${source}: no checkpoint yet; ${howToContinue(command, source)}`);
  if (wantCheckpoint) return { file: checkpoint.modelFile, notes: checkpoint.notes };
  throw new FileError(
    `${source}: training has not finished (newest checkpoint: step ${checkpoint.step}); ` +
      `${howToContinue(command, source)}, or give its checkpoint ${checkpoint.modelFile}`,
  );
}

function howToContinue(command: string, run: string): string {
  if (command === "import") return `import into ${run} again`;
  return `continue it with \`vitvq ${command} --resume\` on ${run}`;
}

/** The folder with the config of a model file: its own, or the run two levels up from a checkpoint. */
async function configFolder(file: string): Promise<string> {
  const own = path.dirname(path.resolve(file));
  if ((await kindOf(path.join(own, "config.json"))) === "file") return own;
  const run = path.resolve(own, "..", "..");
  const inRun = path.basename(path.dirname(own)) === "checkpoints";
  if (inRun && (await kindOf(path.join(run, "config.json"))) === "file") return run;
  throw new FileError(`${file}: no config.json beside it; keep the model and the config.json of its run together`);
}

async function kindOf(file: string): Promise<"file" | "folder" | "missing"> {
  const found = await stat(file).catch(() => undefined);
  if (!found) return "missing";
  return found.isDirectory() ? "folder" : "file";
}
