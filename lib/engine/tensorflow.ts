import { EngineError } from "../errors.js";

/** How a package is imported; tests put their own in. */
export type ModuleLoader = (name: string) => Promise<unknown>;

/** Packages that bring TensorFlow's native library, in the order they are tried. */
export const TENSORFLOW_PACKAGES = ["@tensorflow/tfjs-node-gpu", "@tensorflow/tfjs-node"] as const;

/**
 * Loads the native TensorFlow backend of tfjs, for the GPU if that package is installed, else for the CPU. Both are
 * optional peer dependencies: their binaries come from outside the npm registry, so neither is ever required.
 * @returns the name of the package that was loaded
 * @throws EngineError when neither loads, saying why each failed and what to install
 */
export async function loadTensorflow(load: ModuleLoader = (name) => import(name)): Promise<string> {
  const failures: string[] = [];
  let cause: unknown;
  for (const name of TENSORFLOW_PACKAGES) {
    try {
      await load(name);
      return name;
    } catch (error) {
      failures.push(`${name}: ${reason(name, error)}`);
      cause ??= error;
    }
  }
  throw tensorflowError(failures.join("; "), cause);
}

/** The error for a TensorFlow that is absent or broken: `problem`, then what it takes to have one. */
export function tensorflowError(problem: string, cause?: unknown): EngineError {
  return new EngineError(
    `engine tensorflow is not available (${problem}); run "npm install @tensorflow/tfjs-node-gpu" (Linux, CUDA 11.2) or ` +
      `"npm install @tensorflow/tfjs-node" (CPU) with install scripts allowed: the binaries are downloaded from outside ` +
      `the npm registry and do not work on Node >= 23 (this is ${process.versions.node}); the default engine needs neither`,
    { cause },
  );
}

function reason(name: string, error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  const absent = error instanceof Error && "code" in error && error.code === "ERR_MODULE_NOT_FOUND";
  // A package that is there but cannot find one of its own modules is broken, not absent.
  return absent && message.includes(`'${name}'`) ? "not installed" : (message.split("\n")[0] ?? message);
}
