import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { describeFailure } from "../../../commands/support/failure.js";
import { DivergedError, EngineError, FileError, StoppedError } from "../../../lib/errors.js";

const test = suite("commands/support/failure");

test("expected errors keep their words and their exit code", () => {
  const { message, exitCode } = describeFailure(new DivergedError("loss is NaN"));
  assert.equal({ message, exitCode }, { message: "loss is NaN", exitCode: 5 });
  assert.is(describeFailure(new FileError("damaged")).exitCode, 4);
  assert.is(describeFailure(new EngineError("absent")).exitCode, 6);
  assert.is(describeFailure(new StoppedError("saved", "SIGTERM")).exitCode, 143);
});

test("errors of the operating system are not called bugs", () => {
  try {
    readFileSync("/nowhere/at/all");
    assert.unreachable("a missing file was read");
  } catch (error) {
    const { message, exitCode } = describeFailure(error);
    assert.is(exitCode, 1);
    assert.is(message, "ENOENT: no such file or directory, open '/nowhere/at/all'");
  }
});

test("anything else is a bug, and says where to find more", () => {
  for (const error of [new RangeError("want 3"), "want 3"]) {
    const { message, exitCode } = describeFailure(error);
    assert.is(exitCode, 1);
    assert.match(message, /^unexpected: want 3; this is a bug in vitvq: .*--debug/);
  }
});

test.run();
