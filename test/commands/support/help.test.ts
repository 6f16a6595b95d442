import { suite } from "uvu";
import * as assert from "uvu/assert";
import { describeOption, helpText } from "../../../commands/support/help.js";

const test = suite("commands/support/help");

test("an option's line says rule, unit, default and need", () => {
  assert.is(
    describeOption("steps", { type: "number", describe: "Updates", integer: true, min: 1, unit: "steps", default: 10 }),
    "Updates (integer at least 1; in steps; default 10)",
  );
  assert.is(describeOption("out", { type: "string", describe: "Folder", required: true }), "Folder (required)");
  assert.is(describeOption("seed", { type: "string", describe: "Word" }), "Word");
  assert.is(
    describeOption("betas", { type: "numbers", describe: "Rates", length: 2, default: [0.9, 0.99] }),
    "Rates (2 numbers; default 0.9,0.99)",
  );
  assert.is(
    describeOption("act", { type: "string", describe: "Function", choices: ["gelu", "tanh"], default: "gelu" }),
    "Function (one of gelu, tanh; default gelu)",
  );
});

test("a boolean says only how to turn off what is on", () => {
  assert.is(describeOption("randomFlip", { type: "boolean", describe: "Mirror" }), "Mirror");
  assert.is(
    describeOption("randomFlip", { type: "boolean", describe: "Mirror", default: true }),
    "Mirror (on unless --no-random-flip)",
  );
});

test("the whole help, in groups, with presets and examples", () => {
  const text = helpText({
    invocation: "vitvq train",
    describe: "Train",
    options: {
      images: { type: "strings", describe: "Folders", positional: true, value: "path" },
      outFolder: { type: "string", describe: "Where to", alias: "o", value: "folder" },
      batchSize: { type: "number", describe: "Images a step", group: "Steps" },
      flip: { type: "boolean", describe: "Mirror" },
    },
    presets: { small: { batchSize: 2, flip: true } },
    examples: [["vitvq train a", "trains"]],
  });
  assert.is(
    text,
    `vitvq train [images...] [options]

Train

Options
  --images <path>            Folders
  -o, --out-folder <folder>  Where to
  --flip                     Mirror

Steps
  --batch-size <n>           Images a step (number)

Presets
  small  batch-size 2, flip true

Examples
  vitvq train a
      trains`,
  );
});

test.run();
