import { MEASUREMENT_GROUPS, MEASUREMENTS } from "../lib/speed/names.js";
import { defineCommand } from "./support/command.js";
import type { OptionTable } from "./support/options.js";
import { engineOptions } from "./support/tables.js";

export const options = {
  measurements: {
    type: "strings",
    value: "name",
    positional: true,
    choices: [...MEASUREMENTS, ...MEASUREMENT_GROUPS],
    describe: "What to measure, singly or several by the beginning of their names; all unless given",
  },
  size: {
    type: "string",
    choices: ["tiny", "small"],
    default: "tiny",
    describe:
      "tiny: --preset tiny on 28x28 images, batches of 64; small: ViT-VQGAN Small-Small at 256x256, a VIM of 12 blocks x 768",
  },
  seconds: {
    type: "number",
    above: 0,
    default: 5,
    describe: "Time for each measurement, which has 5 runs or more",
    unit: "seconds",
  },
  steps: { type: "number", integer: true, min: 1, describe: "Runs of each measurement, however long they take" },
  warmup: { type: "number", integer: true, min: 0, default: 3, describe: "Runs before those that are timed" },
  data: {
    type: "string",
    value: "path",
    describe: "Images for the measurement data, a folder or an IDX file; JPEGs are made for it unless given",
  },
  out: { type: "string", value: "file", alias: "o", describe: "JSON file for the results, with every single timing" },
  against: {
    type: "string",
    value: "file",
    describe: "Results of an earlier --out, of the same size, to compare with",
  },
  ...engineOptions,
} as const satisfies OptionTable;

export const bench = defineCommand({
  command: "bench",
  describe: "Measure how fast this machine trains, encodes, decodes, samples and loads images",
  options,
  examples: [
    ["vitvq bench encode decode --seconds 2", "two measurements, within half a minute"],
    ["vitvq bench --out before.json", "everything at size tiny, in about two minutes on 2 cores"],
    ["vitvq bench --out after.json --against before.json", "the same with another version, and how they relate"],
    ["vitvq bench train --size small --steps 3", "ViT-VQGAN Small and a VIM of 12 blocks x 768; wants 4 GB of memory"],
  ],
  force: true,
  idle: async () => (await import("./run/idleOptions.js")).BENCH_RULES,
  handler: async (context) => (await import("./run/bench.js")).run(context),
});
