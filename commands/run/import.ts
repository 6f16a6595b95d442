/** The work of `import`: a checkpoint of another program in, a finished run directory out. */
import path from "node:path";
import { UsageError } from "../../lib/errors.js";
import { fileHash } from "../../lib/files/fileHash.js";
import { openRun } from "../../lib/files/runDirectory.js";
import { openWeights, type WeightsFile } from "../../lib/files/weightsFile.js";
import { LAYOUTS, type Layout, layoutOf, modelNames } from "../../lib/models/foreign/layouts.js";
import { options } from "../import.js";
import type { CommandContext } from "../support/command.js";
import { type IdleRule, refuseIdle } from "../support/idle.js";
import { expectFolderPlace } from "../support/places.js";
import { version } from "../support/version.js";
import type { Config, Imported } from "./imported.js";
import { importPrior } from "./importPrior.js";
import { importTokenizer } from "./importTokenizer.js";

type Context = CommandContext<typeof options>;

export async function run(context: Context): Promise<void> {
  const { config, force, dryRun } = context;
  if (!dryRun) await expectFolderPlace("--out", config.out, { force, what: "an imported run in it" });
  const file = await openWeights(config.file, config.prefix === undefined ? {} : { prefix: config.prefix });
  const result = await importFrom(context, file).finally(() => file.close());
  const { layout, model, facts, text, advice, left } = result;
  const lines = [text, ...(left.length > 0 ? [`left in the file: ${grouped(left)}`] : []), ...advice];
  const told = { layout, ...facts, left, config: model };
  if (dryRun) {
    const all = [`${config.file}: ${lines[0]}`, ...lines.slice(1), "nothing written (--dry-run)"];
    return context.result({ dryRun: true, ...told }, all.join("\n"));
  }
  await writeRun(context, result);
  const written = { run: config.out, model: path.join(config.out, "model.safetensors") };
  context.result({ ...written, ...told }, `${config.out}: ${lines.join("\n")}`);
}

type Result = Imported & {
  readonly layout: Layout;
  /** Names in the file that the model has no use for. */
  readonly left: readonly string[];
};

async function importFrom(context: Context, file: WeightsFile): Promise<Result> {
  const { config } = context;
  const names = [...file.tensors.keys()];
  const layout = config.layout === "auto" ? layoutOf(config.file, names) : config.layout;
  refuseIdle(context, options, rulesOf(layout));
  const { ignored, kept } = withoutIgnored(names, config.ignore ?? []);
  const found = { file, names: modelNames(layout, kept) };
  const imported =
    layout === "enhancing-gpt"
      ? await importPrior(config, { ...found, layout })
      : await importTokenizer(config, { ...found, layout });
  return { layout, ...imported, left: [...found.names.beside, ...ignored] };
}

/** @throws UsageError for a beginning that no name has, which would be a slip of the pen */
function withoutIgnored(names: readonly string[], beginnings: readonly string[]) {
  const idle = beginnings.find((start) => !names.some((name) => name.startsWith(start)));
  if (idle !== undefined) throw new UsageError(`--ignore: no tensor's name begins with "${idle}"`);
  const isIgnored = (name: string) => beginnings.some((start) => name.startsWith(start));
  return { ignored: names.filter(isIgnored), kept: names.filter((name) => !isIgnored(name)) };
}

/** What the shapes of each layout do not tell. */
const OPTIONS_OF = {
  enhancing: ["headDim"],
  "enhancing-gpt": ["heads", "tokenizer"],
  taming: ["imageSize", "groups"],
} as const satisfies Record<Layout, readonly (keyof Config)[]>;

/** Options of other layouts; which it is, the file may have to tell. */
function rulesOf(layout: Layout): IdleRule<typeof options>[] {
  const own: readonly (keyof Config)[] = OPTIONS_OF[layout];
  return Object.entries(OPTIONS_OF).map(([other, names]) => ({
    names: names.filter((name) => !own.includes(name)),
    when: () => false,
    want: `a ${LAYOUTS[other as Layout].title}, and this is a ${LAYOUTS[layout].title}`,
  }));
}

async function writeRun(context: Context, { layout, model, tensors, stored = {}, left }: Result): Promise<void> {
  const { config, force, commandLine, log: onWait } = context;
  const origin = { file: path.resolve(config.file), sha256: await fileHash(config.file), layout };
  const run = await openRun(config.out, { mode: force ? "force" : "new", command: "import", onWait });
  const written = {
    command: "import",
    version: version(),
    commandLine: [...commandLine],
    options: config,
    model,
    ...stored,
    imported: { ...origin, left },
  };
  try {
    await run.writeConfig(written);
    await run.finish(tensors, { imported: origin });
  } finally {
    await run.close();
  }
}

/** Names by what they begin with, and how many they are: "loss.discriminator (45), loss.perceptual_loss (33)". */
function grouped(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) {
    const group = name.split(".").slice(0, 2).join(".");
    counts.set(group, (counts.get(group) ?? 0) + 1);
  }
  return [...counts].map(([group, count]) => `${group} (${count})`).join(", ");
}
