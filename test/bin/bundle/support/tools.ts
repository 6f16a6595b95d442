/** Programs of the system that do what a test wants. */
import { writeFile } from "node:fs/promises";
import path from "node:path";
import { inTemporaryFolder } from "../../../support.js";

/** Runs `body` where these shell scripts, by their names, are the only programs on the PATH. */
export const withTools = <T>(scripts: Readonly<Record<string, string>>, body: () => Promise<T>): Promise<T> =>
  inTemporaryFolder(async (folder) => {
    for (const [name, script] of Object.entries(scripts))
      await writeFile(path.join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    const former = process.env["PATH"];
    process.env["PATH"] = folder;
    try {
      return await body();
    } finally {
      process.env["PATH"] = former;
    }
  });
