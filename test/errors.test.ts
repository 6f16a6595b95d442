import { suite } from "uvu";
import * as assert from "uvu/assert";
import { EXIT, expectedFailure, FileError, firstLine, UsageError, VitvqError } from "../lib/errors.js";

const test = suite("errors");

test("a failure is told by its class again, or by its exit code where no class has it", () => {
  assert.instance(expectedFailure(EXIT.file, "gone"), FileError);
  assert.instance(expectedFailure(EXIT.usage, "no such flag"), UsageError);
  const other = expectedFailure(130, "stopped", { cause: 1 });
  assert.equal([other.constructor, other.exitCode, other.message, other.cause], [VitvqError, 130, "stopped", 1]);
});

test("of many lines the first with words is told", () => {
  assert.is(firstLine("\n  failed\n    at engine.cc:12\n"), "failed");
  assert.is(firstLine("failed"), "failed");
  assert.is(firstLine(""), "");
});

test.run();
