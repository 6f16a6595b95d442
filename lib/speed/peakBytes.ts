import { readFileSync } from "node:fs";

/**
 * Most resident memory of this process so far, in bytes. Linux tells it in /proc; `maxRSS` of a process that a larger one started
 * is that of the larger one.
 */
export function peakBytes(): number {
  try {
    const found = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync("/proc/self/status", "utf8"));
    if (found) return Number(found[1]) * 1024;
  } catch {
    // no Linux
  }
  return process.resourceUsage().maxRSS * 1024;
}
