/** What tests share: expected rejections, numeric comparison that reports the worst place, temporary folders, the root. */
import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as v8 from "node:v8";
import * as assert from "uvu/assert";

/** The folder that holds package.json, from source or from dist. */
export const projectRoot = (() => {
  let folder = path.dirname(fileURLToPath(import.meta.url));
  while (!existsSync(path.join(folder, "package.json"))) folder = path.dirname(folder);
  return folder;
})();

/** Path of a file in `fixtures/`. */
export const fixture = (...parts: string[]): string => path.join(projectRoot, "fixtures", ...parts);

/** Runs `body` with a fresh folder and removes it afterwards, whatever happens. */
export async function inTemporaryFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** What keeps this process alive for the sake of other threads. */
export const activeThreads = (): string[] =>
  process.getActiveResourcesInfo().filter((kind) => kind === "MessagePort" || kind === "Worker");

/**
 * Counts the objects of JavaScript that are alive once garbage is collected, arrays and promises among them: exact, where
 * bytes vary. Undefined before Node 20.13, which cannot.
 */
export const countObjects: (() => number) | undefined =
  "queryObjects" in v8 ? () => v8.queryObjects(Object, { format: "count" }) : undefined;

/** Added to the name of a test that is skipped where objects cannot be counted. */
export const unlessCounted = countObjects ? "" : " (skipped: this Node cannot count objects, 20.13 can)";

type ErrorClass = new (...args: never[]) => Error;

/**
 * Expects an attempt to reject, or to throw, with that class and a message that every pattern matches.
 * @returns the error
 */
export async function expectRejection<C extends ErrorClass>(
  attempt: Promise<unknown> | (() => unknown),
  Wanted: C,
  ...patterns: readonly RegExp[]
): Promise<InstanceType<C>> {
  try {
    await (typeof attempt === "function" ? attempt() : attempt);
  } catch (error) {
    return expectError(error, Wanted, patterns);
  }
  return assert.unreachable(`want a ${Wanted.name}, got no error`) as never;
}

/** Expects `body` to throw at once; else as `expectRejection`. */
export function expectThrow<C extends ErrorClass>(
  body: () => unknown,
  Wanted: C,
  ...patterns: readonly RegExp[]
): InstanceType<C> {
  try {
    body();
  } catch (error) {
    return expectError(error, Wanted, patterns);
  }
  return assert.unreachable(`want a ${Wanted.name}, got no error`) as never;
}

function expectError<C extends ErrorClass>(error: unknown, Wanted: C, patterns: readonly RegExp[]): InstanceType<C> {
  assert.instance(error, Wanted);
  for (const pattern of patterns) assert.match((error as Error).message, pattern);
  return error as InstanceType<C>;
}

export type Tolerance = {
  /** Largest allowed |got - want|. */
  absolute?: number;
  /** Largest allowed |got - want| / max|want| over all finite elements of the array. */
  relative?: number;
  /** Largest allowed |got - want| / |want| of every element by itself. */
  each?: number;
};

/**
 * Compares two arrays of numbers; on failure names the worst index, both values, the gap and the tolerance. What is
 * wanted infinite or not a number must come so.
 */
export function expectClose(
  got: ArrayLike<number>,
  want: ArrayLike<number>,
  what: string,
  { absolute = 0, relative = 0, each = 0 }: Tolerance,
): void {
  assert.is(got.length, want.length, `${what}: length`);
  const scale = largestFinite(want);
  const allowedAt = (i: number) =>
    Number.isFinite(want[i]) ? Math.max(absolute, relative * scale, each * Math.abs(want[i]!)) : 0;
  let [worst, excess] = [0, 0];
  for (let i = 0; i < want.length; i++) {
    const beyond = gapOf(got[i]!, want[i]!) / allowedAt(i);
    if (beyond > 1 && beyond > excess) [worst, excess] = [i, beyond];
  }
  if (excess === 0) return;
  const gap = gapOf(got[worst]!, want[worst]!);
  assert.unreachable(
    `${what}: at ${worst} of ${want.length} got ${got[worst]}, want ${want[worst]}: gap ${gap}, ` +
      `${gap / (scale || 1)} of the largest; allowed ${allowedAt(worst)}`,
  );
}

function largestFinite(numbers: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < numbers.length; i++)
    if (Number.isFinite(numbers[i])) largest = Math.max(largest, Math.abs(numbers[i]!));
  return largest;
}

/** |got - want|: none between equals, infinite where only one is a finite number, or they are different other ones. */
function gapOf(got: number, want: number): number {
  if (Object.is(got, want)) return 0;
  return Number.isFinite(got) && Number.isFinite(want) ? Math.abs(got - want) : Number.POSITIVE_INFINITY;
}

export type Finished = { status: number | null; stdout: string; stderr: string };

/** Runs the built `vitvq` and returns status, stdout and stderr apart. */
export function vitvq(
  args: readonly string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [path.join(projectRoot, "dist", "bin", "vitvq.js"), ...args], {
      cwd: options.cwd ?? projectRoot,
      env: { ...process.env, ...options.env },
      stdio: ["ignore", "pipe", "pipe"],
    });
    let stdout = "";
    let stderr = "";
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
