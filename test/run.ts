/**
 * Runs every `*.test.js` beside it, each file in a process of its own, and ends with `N passed, N failed`.
 *
 *     node dist/test/run.js [part of a path ...]
 *
 * A file that prints no totals (it crashed, or forgot `.run()`) counts as one failure; one whose tests are all skipped does not.
 *
 * Where files are named, errors show lines of TypeScript; a whole run does without, which saves each file the time to read
 * the maps of TensorFlow.js.
 *
 * Files named `half*` want a device with 16-bit floats. Where `VITVQ_FLOAT16_VULKAN` names a folder of one
 * (`.ci/vulkan-float16`) they get it, and must have it.
 */
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { availableParallelism } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { stripVTControlCharacters } from "node:util";

type Outcome = { file: string; passed: number; failed: number; skipped: number; seconds: number; output: string };

/** Parts of paths; every file where there are none. */
const wanted = process.argv.slice(2);

const here = path.dirname(fileURLToPath(import.meta.url));

function testFiles(): string[] {
  const all = readdirSync(here, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".test.js"));
  return all.filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part))).sort();
}

/** What files that want 16-bit floats find in their environment. */
function floatEnvironment(file: string): Record<string, string> {
  const folder = process.env["VITVQ_FLOAT16_VULKAN"];
  if (folder === undefined || !path.basename(file).startsWith("half")) return {};
  const libraries = [folder, process.env["LD_LIBRARY_PATH"]].filter((part) => part).join(":");
  const icd = path.join(folder, "lvp.json");
  return { LD_LIBRARY_PATH: libraries, VK_DRIVER_FILES: icd, VITVQ_WEBGPU: "required", VITVQ_FLOAT16: "required" };
}

/** The number after `label` in uvu's closing lines, or undefined when it is not there. */
function total(output: string, label: string): number | undefined {
  const found = new RegExp(`^\\s*${label}:\\s+(\\d+)`, "m").exec(stripVTControlCharacters(output));
  return found ? Number(found[1]) : undefined;
}

const nodeOptions = wanted.length > 0 ? ["--enable-source-maps"] : [];

function runFile(file: string): Promise<Outcome> {
  const started = performance.now();
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [...nodeOptions, path.join(here, file)], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, ...floatEnvironment(file), NO_COLOR: "1", FORCE_COLOR: "0" },
    });
    let output = "";
    const keep = (chunk: Buffer) => {
      output += chunk.toString();
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("close", (status) => {
      const passed = total(output, "Passed") ?? 0;
      const ran = total(output, "Total") ?? 0;
      const skipped = total(output, "Skipped") ?? 0;
      const broken = ran + skipped === 0 || (status !== 0 && ran === passed);
      const failed = ran - passed + (broken ? 1 : 0);
      resolve({ file, passed, failed, skipped, seconds: (performance.now() - started) / 1000, output });
    });
  });
}

async function runAll(files: string[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  const queue = [...files];
  const worker = async () => {
    for (let file = queue.shift(); file; file = queue.shift()) {
      const outcome = await runFile(file);
      outcomes.push(outcome);
      const mark = outcome.failed ? "FAIL" : outcome.passed ? "ok" : "skip";
      console.log(
        `${mark.padEnd(5)}${outcome.file.padEnd(56)}${outcome.passed} passed, ${outcome.seconds.toFixed(1)} s`,
      );
      if (outcome.failed) console.log(outcome.output);
    }
  };
  await Promise.all(Array.from({ length: Math.min(2, availableParallelism()) }, worker));
  return outcomes;
}

const outcomes = await runAll(testFiles());
const sum = (pick: (o: Outcome) => number) => outcomes.reduce((n, o) => n + pick(o), 0);
const [passed, failed, skipped] = [sum((o) => o.passed), sum((o) => o.failed), sum((o) => o.skipped)];
console.log(`${passed} passed, ${failed} failed${skipped ? `, ${skipped} skipped` : ""}`);
process.exitCode = failed || outcomes.length === 0 ? 1 : 0;
