/** How long programs take from start to end. */
import { spawn } from "node:child_process";
import type { Prepared } from "./measurement.js";

/** A call of Node with these arguments, in a process of its own, what it prints thrown away. */
export function starting(args: readonly string[]): Prepared {
  return { run: () => ended(args), items: 1, unit: "starts", elsewhere: true, close: async () => {} };
}

function ended(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, args, { stdio: "ignore" });
    child.once("error", reject);
    child.once("exit", (status, signal) => {
      if (status === 0) resolve();
      else reject(new Error(`node ${args.join(" ")}: ended with ${signal ?? `status ${status}`}`));
    });
  });
}
