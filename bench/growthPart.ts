/**
 * One part of `growth`, in a process of its own, whose result is one JSON line on standard output.
 *
 *     node dist/bench/growthPart.js encode FILE MARKS THREADS | make FOLDER FILES true|false | folder FOLDER | graph SIZE THREADS
 */
import { UsageError } from "../lib/errors.js";
import type { SizeName } from "../lib/models/sizes.js";
import { encodeGrowth } from "./encodeGrowth.js";
import { folderCost, makeFiles } from "./folderGrowth.js";
import { graphCost } from "./largeGraph.js";
import { print, runBenchmark } from "./program.js";

await runBenchmark(async () => {
  const [part, at = "", ...rest] = process.argv.slice(2);
  print(JSON.stringify((await measure(part, at, rest)) ?? null));
});

async function measure(part: string | undefined, at: string, [first = "", second = ""]: readonly string[]) {
  if (part === "encode") return await encodeGrowth(at, first.split(",").map(Number), Number(second));
  if (part === "make") return await makeFiles(at, Number(first), { classes: second === "true" });
  if (part === "folder") return await folderCost(at);
  if (part === "graph") return await graphCost(at as SizeName, Number(first));
  throw new UsageError(`want encode, make, folder or graph, got "${part}"`);
}
