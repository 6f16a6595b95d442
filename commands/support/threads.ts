import { availableParallelism } from "node:os";

/**
 * Threads to compute with: those asked for, else one a core. Kept in a run's config, because the last bits of a matrix
 * product depend on it, so that a run resumed on another machine goes on with the same number.
 */
export function threadsOf({ threads }: { readonly threads?: number }): number {
  return threads ?? availableParallelism();
}
