import { FileError } from "../../lib/errors.js";
import type { OptionTable } from "./options.js";

/**
 * The options a run was started with, from its config.json.
 * @returns undefined when there is no run in the folder yet
 * @throws FileError when the folder holds something else
 */
export async function storedOptions(
  command: string,
  folder: string | undefined,
  options: OptionTable,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (folder === undefined) return undefined;
  const { existsSync } = await import("node:fs");
  const { join } = await import("node:path");
  if (!existsSync(join(folder, "config.json"))) return undefined;
  const { readConfig } = await import("../../lib/files/runConfig.js");
  const config = await readConfig(folder);
  if (config.command === "import")
    throw new FileError(
      `${folder} holds imported weights without the state of an optimizer: there is no training to go on with; ` +
        "name another folder",
    );
  if (config.command !== command)
    throw new FileError(`${folder} holds a ${config.command} run, not one of ${command}; name another folder`);
  const stored = (config["options"] ?? {}) as Record<string, unknown>;
  const own = Object.entries(stored).filter(([name]) => Object.hasOwn(options, name));
  return Object.fromEntries([...own, ["preset", config["preset"]]]);
}
