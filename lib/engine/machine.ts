import { availableParallelism, cpus, totalmem } from "node:os";

export type Machine = {
  readonly processor: string;
  /** That this process may use. */
  readonly cores: number;
  /** Bytes that this process may use: the machine's, or less where a container says so. */
  readonly memory: number;
  /** As Node names them: "linux", "x64". */
  readonly platform: string;
  readonly arch: string;
};

/** The machine that this process runs on. */
export function thisMachine(): Machine {
  const total = totalmem();
  const limit = process.constrainedMemory() ?? 0; // 0 or beyond all bounds without a limit
  return {
    processor: cpus()[0]?.model.trim() ?? "unknown processor",
    cores: availableParallelism(),
    memory: limit > 0 ? Math.min(limit, total) : total,
    platform: process.platform,
    arch: process.arch,
  };
}

/** Whether the system tells programs how large the second cache of a processor is: of others than x86, glibc does not. */
export function tellsCacheSize(platform: string = process.platform, arch: string = process.arch): boolean {
  return platform !== "linux" || arch === "x64";
}
