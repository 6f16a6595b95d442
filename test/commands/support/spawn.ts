import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { Finished } from "../../support.js";

/** Runs the example program and returns status, stdout and stderr apart. */
export const example = (...args: string[]): Promise<Finished> =>
  run(process.execPath, [fileURLToPath(new URL("./exampleProgram.js", import.meta.url)), ...args]);

/** Runs any program. */
export function run(
  file: string,
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let [stdout, stderr] = ["", ""];
    child.stdout.on("data", (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on("data", (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on("error", reject);
    child.on("close", (status) => resolve({ status, stdout, stderr }));
  });
}
