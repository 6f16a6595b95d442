import { EngineError } from "./errors.js";

export type Sharp = typeof import("sharp").default;

/**
 * Loads sharp, which reads and writes images; native and slow to load, so only where that is really done.
 * @throws EngineError when it does not load
 */
export async function loadSharp(): Promise<Sharp> {
  const { default: sharp } = await import("sharp").catch((error: Error) => {
    throw new EngineError(
      `cannot load sharp, which reads and writes images: ${error.message}; \`vitvq doctor\` says more`,
      { cause: error },
    );
  });
  return sharp;
}
