import { existsSync } from "node:fs";
import { UsageError } from "../../lib/errors.js";

/**
 * Lets a result be written.
 * @param flag that names the file
 * @throws UsageError when there is such a file and it may not be replaced
 */
export function expectNoFile(flag: string, file: string | undefined, force: boolean): void {
  if (file !== undefined && existsSync(file) && !force)
    throw new UsageError(`${flag}: ${file} exists; --force replaces it, or name another file`);
}
