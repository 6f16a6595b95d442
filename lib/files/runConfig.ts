/** `config.json` of a run: the resolved config of the command that trained it. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { FileError } from "../errors.js";

/** A run's config as stored; whoever reads a command's own fields checks them. */
export type RunConfig = { readonly command: string } & Readonly<Record<string, unknown>>;

/**
 * Reads `config.json` in `folder`.
 * @throws FileError when there is none, or it is not the config of a run
 */
export async function readConfig(folder: string): Promise<RunConfig> {
  const file = path.join(folder, "config.json");
  const text = await readFile(file, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") throw new FileError(`${folder}: not a run directory: it has no config.json`);
    throw new FileError(`${file}: cannot be read: ${error.message}`, { cause: error });
  });
  const config = parseJson(file, text);
  if (typeof config === "object" && config !== null && "command" in config && typeof config.command === "string")
    return config as RunConfig;
  throw new FileError(`${file}: not the config of a run: it names no command`);
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new FileError(`${file}: damaged: not JSON`, { cause: error });
  }
}
