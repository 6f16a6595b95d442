/** What the parts of `import` tell each other. */
import type { NamedHostTensors } from "../../lib/engine/types.js";
import type { WeightsFile } from "../../lib/files/weightsFile.js";
import type { Layout, ModelNames } from "../../lib/models/foreign/layouts.js";
import type { TokenizerConfig } from "../../lib/models/tokenizer.js";
import type { VimConfig } from "../../lib/models/vim.js";
import type { options } from "../import.js";
import type { CommandContext } from "../support/command.js";

export type Config = CommandContext<typeof options>["config"];

/** A file in which a model was found. */
export type Found<L extends Layout = Layout> = {
  readonly file: WeightsFile;
  readonly layout: L;
  readonly names: ModelNames;
};

/** A model of ours, and what is said about it. */
export type Imported = {
  readonly model: TokenizerConfig | VimConfig;
  readonly tensors: NamedHostTensors;
  /** Fields of config.json beside the model. */
  readonly stored?: Readonly<Record<string, unknown>>;
  /** What is told with `--json`. */
  readonly facts: Readonly<Record<string, unknown>>;
  /** The same in words. */
  readonly text: string;
  /** What to do next, a sentence each. */
  readonly advice: readonly string[];
};

/** The model's tensors in the file, without what their names begin with. */
export async function readOwn({ file, names }: Found): Promise<NamedHostTensors> {
  const named: NamedHostTensors = {};
  for (const name of names.own) named[name.slice(names.inside.length)] = await file.read(name);
  return named;
}
