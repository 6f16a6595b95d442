/** Options that every command has, and those that commands opt into. */
import type { OptionTable, StringOption } from "./options.js";

const group = "General";

export const everywhere = {
  config: { type: "string", value: "file", describe: "YAML or JSON file of options; flags win over it", group },
  printConfig: { type: "boolean", describe: "Print the resolved options as YAML (JSON with --json) and stop", group },
  json: { type: "boolean", describe: "Print one JSON object on stdout instead of text", group },
  quiet: { type: "boolean", describe: "No progress on stderr", group },
  help: { type: "boolean", alias: "h", describe: "Show this text", group },
  debug: { type: "boolean", describe: "Show the stack of an error", group },
} as const satisfies OptionTable;

export const optional = {
  dryRun: { type: "boolean", describe: "Check, build and estimate, but write nothing", group },
  force: { type: "boolean", describe: "Overwrite what is there", group },
  resume: { type: "boolean", describe: "Go on with the run that is there, exactly where it stopped", group },
} as const satisfies OptionTable;

/** `--preset`, for commands that have presets. */
export const presetOption = (names: readonly string[]): StringOption => ({
  type: "string",
  describe: "Named set of options, listed below; flags and config file win over it",
  choices: names,
  group,
});
