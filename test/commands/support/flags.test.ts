import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  refuseDoublePositionals,
  refuseOddBooleans,
  refuseUnknown,
  valuesOf,
} from "../../../commands/support/flags.js";
import type { OptionTable } from "../../../commands/support/options.js";
import { refusal } from "./refusal.js";

const test = suite("commands/support/flags");

const options = {
  images: { type: "strings", describe: "Folders", positional: true },
  batchSize: { type: "number", describe: "Images a step", alias: "b" },
  betas: { type: "numbers", describe: "Rates" },
  flip: { type: "boolean", describe: "Mirror" },
} as const satisfies OptionTable;

/** Arguments as yargs hands them over. */
const parsed = (args: Record<string, unknown>) => ({ $0: "vitvq", _: ["train"], ...args });

test("texts are read by the table, under the options' own names", () => {
  const args = parsed({ "batch-size": "8", betas: ["0.5", "0.9"], flip: false });
  assert.equal(valuesOf(options, args), { batchSize: 8, betas: [0.5, 0.9], flip: false });
});

test("what was not given is not there, a positional included", () => {
  assert.equal(valuesOf(options, parsed({ images: [] })), {});
});

test("only a boolean can be turned off", async () => {
  const message = await refusal(() => valuesOf(options, parsed({ "batch-size": false })));
  assert.is(message, "--no-batch-size: --batch-size cannot be turned off");
});

test("unknown flags are shown as typed, with the nearest known one", async () => {
  const unknown = (args: Record<string, unknown>) => refusal(() => refuseUnknown(options, parsed(args)));
  assert.is(await unknown({ batchsize: "3" }), "unknown option --batchsize; did you mean --batch-size?");
  assert.is(await unknown({ batchSize: "3" }), "unknown option --batchSize; did you mean --batch-size?");
  assert.is(await unknown({ flp: false }), "unknown option --no-flp; did you mean --flip?");
  assert.is(await unknown({ z: true }), "unknown option -z");
  assert.is(await unknown({ constructor: "a" }), "unknown option --constructor");
});

test("known flags and aliases pass", () => {
  refuseUnknown(options, parsed({ "batch-size": "3", b: "3", flip: true, images: ["a"] }));
});

test("an argument that belongs to nothing is refused", async () => {
  const message = await refusal(() => refuseUnknown(options, { _: ["train", "stray"] }));
  assert.is(message, 'unexpected argument "stray"; options begin with --');
  assert.match(await refusal(() => refuseUnknown(options, { _: ["train"], "--": ["late"] })), /"late"/);
});

test("a boolean is true or false, where yargs takes anything else for false", async () => {
  assert.is(
    await refusal(() => refuseOddBooleans(options, ["train", "--flip=yes"])),
    '--flip: want true or false, got "yes"',
  );
  refuseOddBooleans(options, ["train", "--flip=true", "--betas=yes", "--", "--flip=yes"]);
});

test("a positional is given with its flag or without, not both, where one would be lost", async () => {
  const double = (images: string[], ...written: string[]) =>
    refuseDoublePositionals(options, parsed({ images }), ["train", ...written]);
  double(["a", "b"], "a", "b");
  double(["a", "b"], "--images", "a", "--images=b");
  double([], "--flip");
  const want = "--images: got a without the flag and b with it; write both alike";
  for (const flag of [["--images", "b"], ["--images=b"]])
    assert.is(await refusal(() => double(["a"], "a", ...flag)), want);
});

test.run();
