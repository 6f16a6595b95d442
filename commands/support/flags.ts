/** From what yargs found on the command line to checked values; the complaints are ours, so that they can help. */
import { UsageError } from "../../lib/errors.js";
import { didYouMean } from "./nearest.js";
import { flagOf, kebabCase, type OptionTable, type OptionValue } from "./options.js";
import { parseTexts } from "./values.js";

/** Arguments as yargs gives them with every value option declared a string: texts by kebab-case name. */
export type ParsedArguments = { readonly [name: string]: unknown; readonly _: readonly (string | number)[] };

/**
 * The values that were given as flags or positionals, by option name.
 * @throws UsageError for a value that is missing, repeated, unreadable or against its rule
 */
export function valuesOf(options: OptionTable, args: ParsedArguments): Record<string, OptionValue> {
  const values: Record<string, OptionValue> = {};
  for (const [name, spec] of Object.entries(options)) {
    const given = args[kebabCase(name)];
    if (given === undefined || isUnsetPositional(given)) continue;
    if (spec.type === "boolean" && typeof given === "boolean") values[name] = given;
    else if (given === false) throw new UsageError(`--no-${kebabCase(name)}: ${flagOf(name)} cannot be turned off`);
    else values[name] = parseTexts(spec, [given].flat().map(String), flagOf(name));
  }
  return values;
}

/**
 * Refuses flags that are not in the table, and arguments that belong to no positional.
 * @throws UsageError with the nearest name
 */
export function refuseUnknown(options: OptionTable, args: ParsedArguments): void {
  const known = new Set(["_", "$0", "--"]);
  for (const [name, spec] of Object.entries(options)) {
    known.add(kebabCase(name));
    if (spec.alias !== undefined) known.add(spec.alias);
  }
  for (const [key, value] of Object.entries(args)) {
    if (known.has(key)) continue;
    const written = key.length === 1 ? `-${key}` : value === false ? `--no-${key}` : `--${key}`;
    throw new UsageError(`unknown option ${written}${didYouMean(key, Object.keys(options), flagOf)}`);
  }
  const [, stray] = [args._, args["--"] ?? []].flat(); // the first is the command itself
  if (stray !== undefined)
    throw new UsageError(`unexpected argument ${JSON.stringify(String(stray))}; options begin with --`);
}

/**
 * Refuses `--force=maybe`, which yargs would read as false.
 * @throws UsageError naming the flag
 */
export function refuseOddBooleans(options: OptionTable, written: readonly string[]): void {
  for (const argument of written) {
    const found = /^--([^=]+)=(.*)$/.exec(argument);
    if (argument === "--") return;
    if (!found) continue;
    const [, flag, text = ""] = found;
    const spec = Object.entries(options).find(([name]) => kebabCase(name) === flag)?.[1];
    if (spec?.type === "boolean") parseTexts(spec, [text], `--${flag}`);
  }
}

/**
 * Refuses a positional that is given with its flag as well, of which yargs would keep only what stands without.
 * @throws UsageError naming the flag
 */
export function refuseDoublePositionals(
  options: OptionTable,
  args: Readonly<Record<string, unknown>>,
  written: readonly string[],
): void {
  for (const [name, { positional }] of Object.entries(options)) {
    const kept = [args[kebabCase(name)]].flat().map(String);
    const lost = positional ? flagValues(flagOf(name), written).find((value) => !kept.includes(value)) : undefined;
    if (lost === undefined) continue;
    throw new UsageError(
      `${flagOf(name)}: got ${kept.join(", ")} without the flag and ${lost} with it; write both alike`,
    );
  }
}

/** What was written after a flag, each time it was. */
function flagValues(flag: string, written: readonly string[]): string[] {
  return written.flatMap((argument, i) => {
    if (argument.startsWith(`${flag}=`)) return [argument.slice(flag.length + 1)];
    return argument === flag && written[i + 1] !== undefined ? [written[i + 1]!] : [];
  });
}

/** yargs fills a positional of many values that was not given with an empty list. */
const isUnsetPositional = (given: unknown): boolean => Array.isArray(given) && given.length === 0;
