import { EngineError, firstLine } from "../errors.js";

/** How a package is imported; tests put their own in. */
export type ModuleLoader = (name: string) => Promise<unknown>;

export type TensorflowOptions = {
  /** How optional packages are imported. */
  readonly load?: ModuleLoader;
  /** Threads inside one operation; one a core if absent. It holds for the whole process, from the first load on. */
  readonly threads?: number;
};

/** Packages that bring TensorFlow's native library, in the order they are tried. */
export const TENSORFLOW_PACKAGES = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"] as const;

/**
 * Loads the native TensorFlow backend of tfjs, for the GPU if that package is installed, else for the CPU. Both are
 * optional peer dependencies: their binaries come from outside the npm registry, so neither is ever required.
 * @returns the name of the package that was loaded
 * @throws EngineError when neither loads, saying why and what to do
 */
export async function loadTensorflow(options: TensorflowOptions = {}): Promise<string> {
  const { load = (name) => import(name), threads } = options;
  // The library reads these from the environment; its package has no other way to give them.
  process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "1"; // warnings and errors, no notes about the processor on stderr
  if (threads !== undefined) process.env["TF_NUM_INTRAOP_THREADS"] = String(threads);
  let broken: EngineError | undefined;
  for (const name of TENSORFLOW_PACKAGES) {
    try {
      await load(name);
      return name;
    } catch (error) {
      if (!isAbsent(name, error)) broken ??= brokenTensorflow(name, error);
    }
  }
  throw broken ?? unavailable(absence());
}

/** The error for a package that is installed and does not load or compute. */
export function brokenTensorflow(packageName: string, cause: unknown): EngineError {
  const message = cause instanceof Error ? cause.message : String(cause);
  return unavailable(explainTensorflow(packageName, { message }), cause);
}

/** What is wrong, and what to do about it. */
export type Explanation = { readonly reason: string; readonly remedy?: string };

/** Why an installed package fails, from what it says on loading or at its first kernel. */
export function explainTensorflow(
  packageName: string,
  { message, stderr = "" }: { readonly message: string; readonly stderr?: string },
  nodeMajor = thisNode(),
): Explanation {
  if (nodeMajor >= NODE_END)
    return { reason: `${packageName} breaks on Node ${NODE_END} and later`, remedy: "use Node 20 or 22" };
  if (message.includes("tfjs_binding"))
    return {
      reason: `${packageName} is installed without its binary`,
      remedy:
        `npm rebuild ${packageName} --ignore-scripts=false (downloads from storage.googleapis.com), or build it as ` +
        "docs/tensorflow.md says",
    };
  const missing = missingLibrary(`${message}\n${stderr}`);
  if (missing?.startsWith("libtensorflow"))
    return { reason: `${missing} is missing`, remedy: "put it back, or build again as docs/tensorflow.md says" };
  if (missing !== undefined) return { reason: `${missing} is missing`, remedy: "install CUDA 11.2 and cuDNN 8.1" };
  return { reason: firstLine(message), remedy: `npm uninstall ${packageName}, or install it again` };
}

/** That neither package is installed, and what it takes to have one. */
export function absence(nodeMajor = thisNode()): Explanation {
  const node = nodeMajor >= NODE_END ? `use Node 20 or 22 (it breaks on ${NODE_END} and later), then ` : "";
  return {
    reason: "not installed (it is optional)",
    remedy:
      // npm 11 leaves out a package that is an optional peer, even one that is named, unless it is told where to put it.
      `${node}npm install --no-save --save-prod --ignore-scripts=false @tensorflow/tfjs-node-gpu (Linux or Windows on ` +
      "x64, CUDA 11.2, cuDNN 8.1), or the same with @tensorflow/tfjs-node for the CPU alone; both download from " +
      "storage.googleapis.com, and docs/tensorflow.md says how to do without",
  };
}

/** The shared library that a loader looked for in vain, without its folder. */
export function missingLibrary(words: string): string | undefined {
  return /([\w.+-]+\.so[\w.]*): cannot open shared object file/.exec(words)?.[1];
}

const NODE_END = 23; // this major version removed util.isNullOrUndefined, which tfjs-node 4.22 calls

const thisNode = (): number => Number.parseInt(process.versions.node, 10);

function unavailable({ reason, remedy }: Explanation, cause?: unknown): EngineError {
  const advice = remedy === undefined ? "" : `; to have it: ${remedy}`;
  return new EngineError(
    `engine tensorflow is not available: ${reason}${advice}; the default engine needs none of this`,
    { cause },
  );
}

/** A package that is there but cannot find one of its own modules is broken, not absent. */
function isAbsent(name: string, error: unknown): boolean {
  const notFound = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
  return notFound && error.message.includes(`'${name}'`);
}
