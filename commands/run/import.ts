/** The work of `import`: a checkpoint of another program in, a finished run directory out. */
import { readdir } from "node:fs/promises";
import path from "node:path";
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { UsageError } from "../../lib/errors.js";
import { fileHash } from "../../lib/files/fileHash.js";
import { weightsHash } from "../../lib/files/hostTensors.js";
import { openRun } from "../../lib/files/runDirectory.js";
import { openWeights, type WeightsFile } from "../../lib/files/weightsFile.js";
import { foreignTokenizer, LAYOUTS, type Layout, layoutOf, modelNames } from "../../lib/models/foreignTokenizer.js";
import { type TokenizerConfig, tokenizerOf } from "../../lib/models/tokenizer.js";
import { countParameters, flattenSpecs } from "../../lib/nn/params.js";
import { underPrefix } from "../../lib/train/named.js";
import { formatCount, formatInteger } from "../../lib/ui/format.js";
import type { options } from "../import.js";
import type { CommandContext } from "../support/command.js";
import { flagOf } from "../support/options.js";
import { version } from "../support/version.js";

type Context = CommandContext<typeof options>;

export async function run(context: Context): Promise<void> {
  const { config, force, dryRun } = context;
  if (!force && !dryRun) await expectEmpty(config.out);
  const imported = await readTokenizer(context);
  const facts = factsOf(imported);
  if (dryRun) {
    const text = `${config.file}: ${inWords(imported)}\nnothing written (--dry-run)`;
    return context.result({ dryRun: true, ...facts }, text);
  }
  await writeRun(context, imported);
  const written = { run: config.out, model: path.join(config.out, "model.safetensors") };
  context.result(
    { ...written, tokenizer: weightsHash(imported.tensors), ...facts },
    `${config.out}: ${inWords(imported)}`,
  );
}

type Imported = {
  readonly layout: Layout;
  readonly model: TokenizerConfig;
  readonly tensors: NamedHostTensors;
  /** Names in the file that the model has no use for. */
  readonly left: readonly string[];
};

async function readTokenizer({ config }: Context): Promise<Imported> {
  const file = await openWeights(config.file, config.prefix === undefined ? {} : { prefix: config.prefix });
  try {
    const names = [...file.tensors.keys()];
    const layout = config.layout === "auto" ? layoutOf(config.file, names) : config.layout;
    refuseIdleOptions(config, layout);
    const { ignored, kept } = withoutIgnored(names, config.ignore ?? []);
    const { own, beside } = modelNames(layout, kept);
    const tokenizer = await readOwn(file, own, (named) =>
      foreignTokenizer(named, {
        layout,
        source: config.file,
        ...(config.headDim ? { headDim: headWidths(config.headDim) } : {}),
        ...(config.imageSize === undefined ? {} : { imageSize: config.imageSize }),
        ...(config.groups === undefined ? {} : { groups: config.groups }),
      }),
    );
    return { layout, ...tokenizer, left: [...beside, ...ignored] };
  } finally {
    await file.close();
  }
}

/** Reads tensors and makes a model of them; sizes that do not fit the shapes are the options' fault. */
async function readOwn<T>(
  file: WeightsFile,
  names: readonly string[],
  make: (named: NamedHostTensors) => T,
): Promise<T> {
  const named: NamedHostTensors = {};
  for (const name of names) named[name] = await file.read(name);
  try {
    return make(named);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new UsageError(`--image-size, --groups: ${file.path} wants others: ${error.message}`, { cause: error });
  }
}

/** @throws UsageError for a beginning that no name has, which would be a slip of the pen */
function withoutIgnored(names: readonly string[], beginnings: readonly string[]) {
  const idle = beginnings.find((start) => !names.some((name) => name.startsWith(start)));
  if (idle !== undefined) throw new UsageError(`--ignore: no tensor's name begins with "${idle}"`);
  const isIgnored = (name: string) => beginnings.some((start) => name.startsWith(start));
  return { ignored: names.filter(isIgnored), kept: names.filter((name) => !isIgnored(name)) };
}

const OPTIONS_OF = { enhancing: ["headDim"], taming: ["imageSize", "groups"] } as const;

function refuseIdleOptions(config: Context["config"], layout: Layout): void {
  const other = layout === "taming" ? "enhancing" : "taming";
  const idle = OPTIONS_OF[other].find((name) => config[name] !== undefined);
  if (idle === undefined) return;
  throw new UsageError(`${flagOf(idle)}: changes nothing for a ${LAYOUTS[layout].title}; leave it out`);
}

function headWidths(widths: readonly number[]): { encoder: number; decoder: number } {
  const [encoder, decoder = encoder, ...more] = widths;
  if (encoder === undefined || decoder === undefined || more.length > 0)
    throw new UsageError(`--head-dim: want one width, or two for encoder and decoder, got ${widths.length}`);
  return { encoder, decoder };
}

async function expectEmpty(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => []); // none, or a file: openRun says so
  if (names.length > 0)
    throw new UsageError(`${folder} is not empty; --force replaces an imported run in it, or name another folder`);
}

async function writeRun(context: Context, { layout, model, tensors, left }: Imported): Promise<void> {
  const { config, force, commandLine } = context;
  const origin = { file: path.resolve(config.file), sha256: await fileHash(config.file), layout };
  const run = await openRun(config.out, { mode: force ? "force" : "new", command: "import" });
  await run.writeConfig({
    command: "import",
    version: version(),
    commandLine: [...commandLine],
    options: config,
    model,
    imported: { ...origin, left },
  });
  await run.finish(tensors, { imported: origin });
}

/** What is told with `--json`. */
function factsOf({ layout, model, left }: Imported) {
  const { imageSize, channels, codebookSize, codeDim } = model;
  const { grid } = tokenizerOf(model);
  return {
    layout,
    parameters: parametersOf(model),
    imageSize,
    channels,
    grid,
    codebookSize,
    codeDim,
    left,
    config: model,
  };
}

function parametersOf(model: TokenizerConfig) {
  const all = flattenSpecs(tokenizerOf(model).spec);
  const [encoder, decoder] = [underPrefix("encoder/", all), underPrefix("decoder/", all)];
  return { model: countParameters(all), encoder: countParameters(encoder), decoder: countParameters(decoder) };
}

function inWords({ layout, model, left }: Imported): string {
  const counts = parametersOf(model);
  const [rows, columns] = tokenizerOf(model).grid;
  const text =
    `${LAYOUTS[layout].title}, ${formatCount(counts.model)} parameters (encoder ${formatCount(counts.encoder)}, ` +
    `decoder ${formatCount(counts.decoder)}); images of ${model.imageSize} x ${model.imageSize} pixels become ` +
    `${rows} x ${columns} codes of ${formatInteger(model.codebookSize)}`;
  return left.length === 0 ? text : `${text}\nleft in the file: ${grouped(left)}`;
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
