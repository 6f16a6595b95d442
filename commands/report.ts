import { defineCommand } from "./support/command.js";
import type { OptionTable } from "./support/options.js";

export const options = {
  folder: {
    type: "string",
    value: "folder",
    required: true,
    positional: true,
    describe: "Folder with runs and results, in it or up to two levels below",
  },
  out: { type: "string", value: "folder", alias: "o", describe: "Where to write; into the folder itself unless given" },
} as const satisfies OptionTable;

export const report = defineCommand({
  command: "report",
  describe: "Gather runs, evaluations, samples and probes into one summary with curves",
  options,
  examples: [
    ["vitvq report runs/demo", "summary.json, curves.png and curves.svg of everything under runs/demo"],
    ["vitvq report runs/demo --out reports/demo --json", "the same elsewhere, and the summary on stdout"],
  ],
  handler: async (context) => (await import("./run/report.js")).run(context),
});
