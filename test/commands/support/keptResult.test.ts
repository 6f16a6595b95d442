import { suite } from "uvu";
import * as assert from "uvu/assert";
import { tellAndKeep } from "../../../commands/support/keptResult.js";
import { FileError } from "../../../lib/errors.js";

const test = suite("commands/support/keptResult");

const finding = { figures: { psnr: 20 }, text: "20 dB", places: { out: "folder" } };

/** All that is told. */
async function told(keep: () => Promise<void>): Promise<unknown[]> {
  const words: unknown[] = [];
  const output = { result: (...all: unknown[]) => words.push(...all), warn: (word: string) => words.push(word) };
  await tellAndKeep(output, finding, keep);
  return words;
}

test("a result that is kept names where", async () => {
  assert.equal(await told(async () => {}), [{ psnr: 20, out: "folder" }, "20 dB"]);
});

test("a result that cannot be kept is told with the failure and its exit code", async () => {
  const message = "folder: no space left";
  const words = await told(() => Promise.reject(new FileError(message)));
  assert.equal(words, [
    `the figures are told, but could not be kept: ${message}`,
    { psnr: 20, error: { message, exitCode: 4 } },
    "20 dB",
    4,
  ]);
});

test.run();
