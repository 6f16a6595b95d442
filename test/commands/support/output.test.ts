import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOutput } from "../../../commands/support/output.js";

const test = suite("commands/support/output");

/** What a command's words are on stderr. */
function spoken(quiet: boolean): string {
  const { output } = createOutput({ json: false, quiet });
  const { write } = process.stderr;
  let text = "";
  process.stderr.write = (part: string | Uint8Array) => {
    text += String(part);
    return true;
  };
  try {
    output.log("\u001b[2Jphotos");
    output.warn("\u001b[2Jphotos: damaged");
  } finally {
    process.stderr.write = write;
  }
  return text;
}

test("names in messages and warnings command no terminal", () => {
  assert.is(spoken(false), "?[2Jphotos\nwarning: ?[2Jphotos: damaged\n");
  assert.is(spoken(true), "warning: ?[2Jphotos: damaged\n");
});

test.run();
