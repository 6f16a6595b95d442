import { describeFailure } from "./failure.js";
import type { Output } from "./output.js";

/** A result that took long to find. */
export type Finding = {
  readonly figures: object;
  readonly text: string;
  /** What the object names as well once it is kept: files. */
  readonly places?: object;
};

/** Writes what belongs to a result, and tells the result also where that fails, with the failure and its exit code. */
export async function tellAndKeep(
  { result, warn }: Pick<Output, "result" | "warn">,
  { figures, text, places = {} }: Finding,
  keep: () => Promise<void>,
): Promise<void> {
  try {
    await keep();
  } catch (error) {
    const { message, exitCode } = describeFailure(error);
    warn(`the figures are told, but could not be kept: ${message}`);
    return result({ ...figures, error: { message, exitCode } }, text, exitCode);
  }
  result({ ...figures, ...places }, text);
}
