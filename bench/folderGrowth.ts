/** What the index of a folder of images takes: time to list it, and memory of a path. */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { openSource } from "../lib/data/source.js";
import { peakBytes } from "../lib/speed/peakBytes.js";
import { liveBytes } from "./liveBytes.js";

export type FolderCost = {
  readonly files: number;
  readonly seconds: number;
  /** Of a file's place in the index, in bytes. */
  readonly bytesPerFile: number;
  /** Most resident memory of the process over what it had before. */
  readonly risenBytes: number;
};

/** Names as long as ImageNet's. */
const nameOf = (index: number): string => `n01440764_${String(index).padStart(8, "0")}.JPEG`;

/** Empty files in class folders of a thousand each, or all in one folder. */
export async function makeFiles(folder: string, files: number, { classes }: { classes: boolean }): Promise<void> {
  const each = classes ? 1000 : files;
  for (let from = 0; from < files; from += each) {
    const place = classes ? path.join(folder, `n${String(from / each).padStart(8, "0")}`) : folder;
    await mkdir(place, { recursive: true });
    for (let at = from; at < Math.min(files, from + each); at += 100)
      await Promise.all(Array.from({ length: 100 }, (_, i) => writeFile(path.join(place, nameOf(at + i)), "")));
  }
}

/** Lists a folder as every command does. */
export async function folderCost(folder: string): Promise<FolderCost> {
  const [live, rss] = [liveBytes(), process.memoryUsage().rss];
  const began = performance.now();
  const source = await openSource(folder);
  const seconds = (performance.now() - began) / 1000;
  const risenBytes = peakBytes() - rss;
  await sleep(100); // ms; what was awaited lets go of what it listed
  const bytesPerFile = (liveBytes() - live) / source.count;
  return { files: source.count, seconds, bytesPerFile, risenBytes };
}
