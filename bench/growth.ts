/**
 * What grows with the number of images and with the size of a model, and what does not.
 *
 *     node dist/bench/growth.js [--part encode,tokens,folder,graph] [--images 1000000] [--threads 2] [--name NAME]
 *
 * - `encode`: time an image and memory of the loop of `encode`, up to so many simulated images;
 * - `tokens`: start and memory of `train-vim` on a token file of a hundredth of them, and of all, 64 codes each;
 * - `folder`: time and memory of listing so many files, in class folders of a thousand, and all in one (they are made, empty, below
 *   the folder for temporary files);
 * - `graph`: tracing VIM-Base's and VIM-Large's train step and making a session of it, which is not run.
 *
 * Every measurement has a process of its own. `--name` writes `bench/results/NAME-growth.json`.
 */
import { rm } from "node:fs/promises";
import { availableParallelism } from "node:os";
import path from "node:path";
import { parseArgs } from "node:util";
import { UsageError } from "../lib/errors.js";
import { formatInteger } from "../lib/ui/format.js";
import { textTable } from "../lib/ui/table.js";
import type { Stretch } from "./encodeGrowth.js";
import type { FolderCost } from "./folderGrowth.js";
import type { GraphCost } from "./largeGraph.js";
import { positiveInteger } from "./options.js";
import { inFolder, print, root, runBenchmark, runNode, saveResults } from "./program.js";
import { tokenCost } from "./tokenGrowth.js";

const { values } = parseArgs({
  options: {
    part: { type: "string", default: "encode,tokens,folder,graph" },
    images: { type: "string", default: "1000000" },
    threads: { type: "string", default: String(availableParallelism()) },
    name: { type: "string" },
  },
});

type Part = (folder: string) => Promise<{ readonly found: unknown; readonly rows: readonly (readonly string[])[] }>;

const PARTS: Readonly<Record<string, Part>> = { encode, tokens, folder, graph };

await runBenchmark(async () => {
  const names = values.part.split(",");
  const unknown = names.find((name) => !Object.hasOwn(PARTS, name));
  if (unknown !== undefined)
    throw new UsageError(`--part: want some of ${Object.keys(PARTS).join(", ")}, got "${unknown}"`);
  const results: Record<string, unknown> = {};
  for (const name of names) {
    const { found, rows } = await inFolder(PARTS[name]!);
    results[name] = found;
    const [header, ...body] = rows;
    print(`\n${name}\n${textTable({ header: header!, rows: body })}`);
    if (values.name !== undefined)
      await saveResults(`${values.name}-growth`, { threads: Number(values.threads), results });
  }
});

function images(): number {
  const count = positiveInteger("images", values.images);
  if (count % 100_000 !== 0) throw new UsageError(`--images: want a multiple of 100,000, got ${count}`);
  return count;
}

async function encode(folder: string) {
  const all = images();
  const marks = [0.01, 0.03, 0.1, 0.3, 1].map((share) => Math.round(share * all));
  const found = await child<Stretch[]>("encode", path.join(folder, "codes"), marks.join(","), values.threads);
  const rows = found.map(({ images, seconds, processorSeconds, rss, live }) => [
    formatInteger(images),
    ...[seconds, processorSeconds].map((value) => `${(1e6 * value).toFixed(1)} us`),
    ...[rss, live].map(megabytes),
  ]);
  return { found, rows: [["images up to", "time an image", "of processors", "resident", "in use"], ...rows] };
}

async function tokens(folder: string) {
  const found = [];
  for (const rows of [images() / 100, images()]) found.push(await tokenCost(folder, rows, Number(values.threads)));
  const rows = found.map((cost) => [
    formatInteger(cost.rows),
    megabytes(cost.fileBytes),
    ...[cost.seconds, cost.processorSeconds].map((value) => `${value.toFixed(2)} s`),
    megabytes(cost.rss),
    ...[cost.stepSeconds, cost.stepProcessorSeconds].map((value) => `${(1000 * value).toFixed(2)} ms`),
  ]);
  return {
    found,
    rows: [["rows", "file", "first step after", "of processors", "resident", "a step", "of processors"], ...rows],
  };
}

async function folder(place: string) {
  const found: (FolderCost & { classes: boolean })[] = [];
  for (const classes of [true, false]) {
    const files = path.join(place, classes ? "classes" : "one");
    await child("make", files, String(images()), String(classes));
    found.push({ classes, ...(await child<FolderCost>("folder", files)) });
    await rm(files, { recursive: true });
  }
  const rows = found.map(({ classes, files, seconds, bytesPerFile, risenBytes }) => [
    classes ? "folders of 1,000" : "one folder",
    formatInteger(files),
    `${seconds.toFixed(2)} s`,
    `${bytesPerFile.toFixed(0)} bytes`,
    megabytes(risenBytes),
  ]);
  return {
    found,
    rows: [["files in", "files", "listed in", "kept of each", "most resident memory above start"], ...rows],
  };
}

async function graph() {
  const sizes = ["base", "large"] as const;
  const found: Record<string, GraphCost> = {};
  for (const size of sizes) found[size] = await child<GraphCost>("graph", size, values.threads);
  const rows = Object.entries(found).map(([size, cost]) => [
    `VIM ${size}`,
    `${(cost.parameters / 1e6).toFixed(0)} M`,
    formatInteger(cost.nodes),
    ...[cost.traceSeconds, cost.writeSeconds, cost.sessionSeconds].map((value) => `${value.toFixed(2)} s`),
    ...[cost.peakBytes, cost.baseBytes].map(megabytes),
  ]);
  const header = [
    "train step",
    "parameters",
    "nodes",
    "traced in",
    "written in",
    "session in",
    "peak memory",
    "at start",
  ];
  return { found, rows: [header, ...rows] };
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Runs a part in a process of its own. */
async function child<Found>(...args: readonly string[]): Promise<Found> {
  return JSON.parse(await runNode([path.join(root, "dist", "bench", "growthPart.js"), ...args])) as Found;
}
