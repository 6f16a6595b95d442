import { UsageError } from "../../../lib/errors.js";
import { expectRejection } from "../../support.js";

/** The message of the UsageError with which `body` refuses. */
export const refusal = async (body: () => unknown): Promise<string> =>
  (await expectRejection(body, UsageError)).message;
