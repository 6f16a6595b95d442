/** The real TensorFlow, for tests that want it: it takes a package whose binary comes from elsewhere (`docs/tensorflow.md`). */
import { createEagerEngine } from "../../../lib/engine/eager.js";
import type { Engine } from "../../../lib/engine/types.js";

let opened: Engine | undefined;
let problem: Error | undefined;
try {
  opened = await createEagerEngine("tensorflow");
} catch (error) {
  problem = error as Error;
}

/** Why tests that want TensorFlow are left out; undefined where it works. */
export const missing: string | undefined = problem?.message;

if (problem !== undefined && process.env["VITVQ_TENSORFLOW"] === "required")
  throw new Error('VITVQ_TENSORFLOW is "required", but TensorFlow does not work', { cause: problem });

/** One engine for all tests of a file. */
export const tensorflow = async (): Promise<Engine> => opened ?? Promise.reject(problem);
