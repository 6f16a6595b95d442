/** A command file states its options as data and a short handler; this makes a yargs command out of it. */
import type { Argv } from "yargs";
import { UsageError } from "../../lib/errors.js";
import { everywhere, optional, presetOption } from "./common.js";
import { type ParsedArguments, refuseDoublePositionals, refuseOddBooleans, refuseUnknown, valuesOf } from "./flags.js";
import { helpText } from "./help.js";
import type { IdleRule } from "./idle.js";
import { type ConfigOf, kebabCase, type OptionTable } from "./options.js";
import { createOutput, type Output, printLine } from "./output.js";
import { type Changeable, type Layer, type Resolved, refuseConflicts, requireAll, resolveConfig } from "./resolve.js";

export type CommandSpec<T extends OptionTable> = {
  /** Name on the command line, as in the list of commands. */
  readonly command: string;
  /** What it does, one line, as in the list of commands. */
  readonly describe: string;
  readonly options: T;
  readonly presets?: Readonly<Record<string, Partial<ConfigOf<T>>>>;
  /** Command lines that work, with what they do; the first runs within a minute. */
  readonly examples: readonly (readonly [commandLine: string, meaning: string])[];
  /** Takes `--dry-run`. */
  readonly dryRun?: boolean;
  /** Takes `--force`. */
  readonly force?: boolean;
  /** Takes `--resume`. */
  readonly resume?: ResumeSpec<T>;
  /** Options that count only beside others; they are refused before the handler runs. */
  readonly idle?: () => Promise<readonly IdleRule<T>[]>;
  /** Does the work and calls `context.result` once; heavy modules are imported here and nowhere else. */
  readonly handler: (context: CommandContext<T>) => Promise<void>;
};

/** How `--resume` finds the options that a run was started with; they then stand in for the defaults. */
export type ResumeSpec<T extends OptionTable> = Changeable<T> & {
  /** The stored values and `preset`, read with the help of those given now; undefined when there is nothing to resume yet. */
  readonly stored: (given: Partial<ConfigOf<T>>) => Promise<Readonly<Record<string, unknown>> | undefined>;
};

export type CommandContext<T extends OptionTable> = Resolved<T> &
  Output & {
    readonly preset: string | undefined;
    readonly json: boolean;
    readonly quiet: boolean;
    readonly debug: boolean;
    /** False where the command does not take the flag. */
    readonly dryRun: boolean;
    readonly force: boolean;
    readonly resume: boolean;
    /** As it was typed, without the program, to be kept beside results. */
    readonly commandLine: readonly string[];
  };

/** A command as yargs and the list of commands know it. */
export type Command = {
  readonly command: string;
  readonly describe: string;
  readonly help: () => string;
  readonly builder: (parser: Argv) => Argv;
  readonly handler: (args: ParsedArguments) => Promise<void>;
};

/**
 * Makes a command of its description.
 * @throws Error when an option bears the name of a common one, or a default or preset breaks a rule
 */
export function defineCommand<const T extends OptionTable>(spec: CommandSpec<T>): Command {
  const table = allOptions(spec);
  checkPresets(spec);
  return {
    command: commandLineOf(spec.command, spec.options),
    describe: spec.describe,
    help: () => helpText({ ...spec, invocation: `vitvq ${spec.command}`, options: table }),
    builder: (parser) => declare(table, parser),
    handler: (args) => execute(spec, valuesOf(table, args)),
  };
}

function allOptions<T extends OptionTable>(spec: CommandSpec<T>): OptionTable {
  const taken: OptionTable = { ...everywhere, ...optional, preset: presetOption([]) };
  const clash = Object.keys(spec.options).find((name) => Object.hasOwn(taken, name));
  if (clash !== undefined) throw new Error(`${spec.command}: option ${clash} is a common one`);
  return {
    ...spec.options,
    ...(spec.presets && { preset: presetOption(Object.keys(spec.presets)) }),
    ...(spec.dryRun && { dryRun: optional.dryRun }),
    ...(spec.force && { force: optional.force }),
    ...(spec.resume && { resume: optional.resume }),
    ...everywhere,
  };
}

function checkPresets<T extends OptionTable>({ command, options, presets = {} }: CommandSpec<T>): void {
  resolveConfig(options, []); // the defaults
  for (const [name, values] of Object.entries(presets)) {
    const odd = Object.keys(values).find((key) => !Object.hasOwn(options, key));
    if (odd !== undefined) throw new Error(`${command}: preset ${name} sets ${odd}, which is no option`);
    resolveConfig(options, [{ origin: { kind: "preset", name }, values }]);
  }
}

/** Every value a string that stays as it is written: reading and checking is done here, with better complaints. */
function declare(table: OptionTable, parser: Argv): Argv {
  for (const [name, { type, alias, positional }] of Object.entries(table)) {
    const declared = { type: type === "boolean" ? ("boolean" as const) : ("string" as const) };
    if (positional) parser.positional(kebabCase(name), declared);
    else parser.option(kebabCase(name), alias === undefined ? declared : { ...declared, alias });
  }
  return parser.middleware((args) => {
    refuseUnknown(table, args);
    const written = process.argv.slice(2);
    refuseOddBooleans(table, written);
    refuseDoublePositionals(table, args, written);
  }, true);
}

/** The command as yargs wants it, positionals in square brackets since a config file may give them, too. */
function commandLineOf(command: string, options: OptionTable): string {
  const positionals = Object.entries(options).filter(([, spec]) => spec.positional);
  const places = positionals.map(([name, spec]) => `[${kebabCase(name)}${spec.type === "strings" ? ".." : ""}]`);
  return [command, ...places].join(" ");
}

async function execute<T extends OptionTable>(spec: CommandSpec<T>, flags: Layer["values"]): Promise<void> {
  const origin = { kind: "flag" } as const;
  const { config: common } = resolveConfig({ ...everywhere, ...optional }, [{ origin, values: flags }]);
  const { json, quiet, debug, dryRun, force, resume } = common;
  const { layers, preset } = await gather(spec, flags, common.config);
  const resolved = await resolve(spec, layers, { preset, resume, force });
  const [{ refuseIdle, withoutIdle }, rules = []] = await Promise.all([import("./idle.js"), spec.idle?.()]);
  if (common.printConfig) return printLine(await written(withoutIdle(resolved, spec.options, rules), json));
  requireAll(spec.options, resolved.config);
  refuseIdle({ ...resolved, json }, spec.options, rules);
  const { output, finish } = createOutput({ json, quiet });
  const commandLine = process.argv.slice(2);
  await spec.handler({ ...resolved, ...output, json, quiet, debug, dryRun, force, resume, commandLine });
  finish();
}

/** Flags, config file and preset; the preset may be named in the file. */
async function gather<T extends OptionTable>(spec: CommandSpec<T>, flags: Layer["values"], path: string | undefined) {
  const names = Object.keys(spec.presets ?? {});
  const options: OptionTable = names.length === 0 ? spec.options : { ...spec.options, preset: presetOption(names) };
  const layers: Layer[] = [{ origin: { kind: "flag" }, values: flags }];
  if (path !== undefined) {
    const { readConfigFile } = await import("./configFile.js");
    layers.push({ origin: { kind: "file", path }, values: await readConfigFile(path, options) });
  }
  const { preset } = resolveConfig({ preset: presetOption(names) }, layers).config;
  const chosen = preset === undefined ? undefined : spec.presets?.[preset];
  if (preset !== undefined && chosen) layers.push({ origin: { kind: "preset", name: preset }, values: chosen });
  return { layers, preset };
}

/** The config and the preset, with the stored run's under `--resume`. */
async function resolve<T extends OptionTable>(
  spec: CommandSpec<T>,
  layers: readonly Layer[],
  { preset, resume, force }: { preset: string | undefined; resume: boolean; force: boolean },
): Promise<Resolved<T> & { readonly preset: string | undefined }> {
  if (resume && force) throw new UsageError("--resume goes on with a run, --force replaces it; give one of them");
  const given = resolveConfig(spec.options, layers);
  const stored = resume ? await spec.resume?.stored(given.config as Partial<ConfigOf<T>>) : undefined;
  if (!stored) return { ...given, preset };
  // The preset that the run was started with is part of what is stored, and what was set beside it then stays.
  const before = stored["preset"] as string | undefined;
  const others = layers.filter(({ origin }) => origin.kind !== "preset" || origin.name !== before);
  refuseConflicts(resolveConfig(spec.options, others), stored, spec.resume ?? { mayChange: [] }, spec.options);
  const set = others.filter(({ origin }) => origin.kind !== "preset");
  const resolved = resolveConfig(spec.options, [...set, { origin: { kind: "stored" }, values: stored }]);
  return { ...resolved, preset: before ?? preset };
}

async function written(config: object, json: boolean): Promise<string> {
  if (json) return JSON.stringify(config);
  const { stringify } = await import("yaml");
  return stringify(config);
}
