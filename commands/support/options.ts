/** Options of a command as plain data, and the type of the config that such a table describes. */

type Shared = {
  /** What it means, for `--help`: a phrase without a full stop. */
  readonly describe: string;
  /** Unit of the value ("pixels", "steps"), shown in the help. */
  readonly unit?: string;
  /** What stands for the value in the help ("folder", "run.yaml"); without it a word for the type. */
  readonly value?: string;
  /** Heading in the help ("Model", "Optimizer"); without one the option stands under "Options". */
  readonly group?: string;
  /** Must be given by flag, config file or preset; makes no sense with a default. */
  readonly required?: boolean;
  /** One-letter flag. */
  readonly alias?: string;
  /** Also taken without its flag, in table order; of type "strings" it takes all that remain, so it comes last. */
  readonly positional?: boolean;
};

/** What a number must satisfy; it is finite in any case. */
export type NumberRule = {
  readonly integer?: boolean;
  /** Smallest allowed value. */
  readonly min?: number;
  /** Largest allowed value. */
  readonly max?: number;
  /** Exclusive lower bound. */
  readonly above?: number;
  /** Exclusive upper bound. */
  readonly below?: number;
};

export type NumberOption = Shared &
  NumberRule & { readonly type: "number"; readonly default?: number; readonly choices?: readonly number[] };
export type StringOption = Shared & {
  readonly type: "string";
  readonly default?: string;
  readonly choices?: readonly string[];
};
/** Off unless its default is true; `--name` turns it on, `--no-name` off. */
export type BooleanOption = Shared & { readonly type: "boolean"; readonly default?: boolean };
/** Several numbers, separated by commas or by repeating the flag; each obeys the rule. */
export type NumbersOption = Shared &
  NumberRule & {
    readonly type: "numbers";
    readonly default?: readonly number[];
    /** How many there must be. */
    readonly length?: number;
    /** Whether none at all has a meaning; only a config file can say so. */
    readonly mayBeEmpty?: boolean;
  };
/** Several strings, one for each time the flag is given (a string may contain commas). */
export type StringsOption = Shared & {
  readonly type: "strings";
  readonly default?: readonly string[];
  readonly choices?: readonly string[];
  /** Whether none at all has a meaning; only a config file can say so. */
  readonly mayBeEmpty?: boolean;
};

export type OptionSpec = NumberOption | StringOption | BooleanOption | NumbersOption | StringsOption;

/**
 * Options by name, in camelCase as in configs; flags are the same in kebab-case.
 *
 * Write tables as `const options = { ... } as const satisfies OptionTable`: `as const` keeps choices as a union.
 */
export type OptionTable = Readonly<Record<string, OptionSpec>>;

/** The config that a table describes: options with a default, required ones and booleans are always there. */
export type ConfigOf<T extends OptionTable> = Flat<
  { readonly [K in keyof T as T[K] extends AlwaysSet ? K : never]: ValueOf<T[K]> } & {
    readonly [K in keyof T as T[K] extends AlwaysSet ? never : K]?: ValueOf<T[K]>;
  }
>;

/** Any value an option can have. */
export type OptionValue = number | string | boolean | readonly number[] | readonly string[];

type AlwaysSet = { readonly type: "boolean" } | { readonly default: unknown } | { readonly required: true };

type ValueOf<S extends OptionSpec> = S extends {
  readonly type: "number" | "string";
  readonly choices: readonly (infer C)[];
}
  ? C
  : S extends { readonly type: "strings"; readonly choices: readonly (infer C)[] }
    ? readonly C[]
    : ValueOfType[S["type"]];

type ValueOfType = {
  number: number;
  string: string;
  boolean: boolean;
  numbers: readonly number[];
  strings: readonly string[];
};

type Flat<T> = { [K in keyof T]: T[K] };

/** What stands in the help for the value of an option that names a place. */
const PLACES = ["file", "folder", "path", "run"];

/** Whether the option's value is a place, or several. */
export const isPlace = ({ type, value = "" }: OptionSpec): boolean =>
  type.startsWith("string") && PLACES.includes(value);

/** `batchSize` -> `batch-size`; digits stay with the word before them. */
export const kebabCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);

/** `batchSize` -> `--batch-size`. */
export const flagOf = (name: string): string => `--${kebabCase(name)}`;

/** The spec called `name`, or undefined; names inherited by every object ("constructor") are not options. */
export const optionIn = (options: OptionTable, name: string): OptionSpec | undefined =>
  Object.hasOwn(options, name) ? options[name] : undefined;

/**
 * Whether a boolean flag is on in arguments that nobody has parsed yet, as the parser would find: alone, with a value or
 * negated, the last one counting, and nothing after `--`.
 * @param flag the option in kebab-case or, with one letter, its alias
 */
export function isTurnedOn(flag: string, args: readonly string[]): boolean {
  const end = args.indexOf("--");
  const before = end < 0 ? args : args.slice(0, end);
  const [written, negated] = flag.length === 1 ? [`-${flag}`, undefined] : [`--${flag}`, `--no-${flag}`];
  const states = before.flatMap((argument, i) => {
    if (argument === written) return [before[i + 1] !== "false"];
    if (argument.startsWith(`${written}=`)) return [argument === `${written}=true`];
    return argument === negated ? [false] : [];
  });
  return states.at(-1) ?? false;
}
