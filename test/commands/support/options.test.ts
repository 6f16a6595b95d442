import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  type ConfigOf,
  flagOf,
  isTurnedOn,
  kebabCase,
  type OptionTable,
  optionIn,
} from "../../../commands/support/options.js";

const test = suite("commands/support/options");

const table = {
  dim: { type: "number", describe: "Width", default: 8 },
  seed: { type: "number", describe: "Seed" },
  data: { type: "string", describe: "Folder", required: true },
  flip: { type: "boolean", describe: "Mirror" },
  activation: { type: "string", describe: "Function", choices: ["gelu", "tanh"], default: "gelu" },
  patch: { type: "number", describe: "Size", choices: [8, 16] },
  betas: { type: "numbers", describe: "Rates", default: [0.9, 0.99] },
  tags: { type: "strings", describe: "Words" },
} as const satisfies OptionTable;

type Wanted = {
  readonly dim: number;
  readonly data: string;
  readonly flip: boolean;
  readonly activation: "gelu" | "tanh";
  readonly betas: readonly number[];
  readonly seed?: number;
  readonly patch?: 8 | 16;
  readonly tags?: readonly string[];
};

/** True only for the very same type; the build fails otherwise. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

test("the config's type follows from the table, choices and absent options included", () => {
  const same: Same<ConfigOf<typeof table>, Wanted> = true;
  assert.ok(same);
});

test("flags are the names in kebab-case", () => {
  assert.is(kebabCase("batchSize"), "batch-size");
  assert.is(kebabCase("r1Every"), "r1-every");
  assert.is(flagOf("dim"), "--dim");
});

test("names that every object inherits are no options", () => {
  assert.is(optionIn(table, "constructor"), undefined);
  assert.is(optionIn(table, "dim"), table.dim);
});

test("a boolean flag is found on or off before arguments are parsed", () => {
  for (const args of ["--json", "--json=true", "--json true", "--no-json --json", "x --json --debug"])
    assert.ok(isTurnedOn("json", args.split(" ")), args);
  for (const args of ["", "--json=false", "--json false", "--no-json", "--json --no-json", "-- --json", "--jsonl"])
    assert.not.ok(isTurnedOn("json", args.split(" ")), args);
  assert.ok(isTurnedOn("h", ["-h"]));
  assert.not.ok(isTurnedOn("h", ["--h"]));
});

test.run();
