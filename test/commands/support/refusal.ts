import * as assert from "uvu/assert";
import { UsageError } from "../../../lib/errors.js";

/** The message with which `body` refuses; fails when it does not, or with another kind of error. */
export async function refusal(body: () => unknown): Promise<string> {
  try {
    await body();
  } catch (error) {
    if (error instanceof UsageError) return error.message;
    throw error;
  }
  return assert.unreachable("nothing was refused") as never;
}
