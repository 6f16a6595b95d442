/** One config out of flags, config file, preset, stored run and defaults. */
import path from "node:path";
import { UsageError } from "../../lib/errors.js";
import { type ConfigOf, flagOf, isPlace, type OptionSpec, type OptionTable, type OptionValue } from "./options.js";
import { checkValue } from "./values.js";

/** Where a value came from. */
export type Origin =
  | { readonly kind: "flag" }
  | { readonly kind: "file"; readonly path: string }
  | { readonly kind: "preset"; readonly name: string }
  | { readonly kind: "stored" }
  | { readonly kind: "default" };

/** Values of one origin, by option name. */
export type Layer = { readonly origin: Origin; readonly values: Readonly<Record<string, unknown>> };

export type Resolved<T extends OptionTable> = {
  readonly config: ConfigOf<T>;
  /** Where each value came from; options without a value are not there. */
  readonly origins: Readonly<Partial<Record<keyof T & string, Origin>>>;
  /** The options that the user set, by flag, config file or preset. */
  readonly explicit: ReadonlySet<keyof T & string>;
};

/** What a resumed run may be given otherwise than it was started with. */
export type Changeable<T extends OptionTable> = {
  /** Options that may be set anew; setting any other to another value is an error. */
  readonly mayChange: readonly (keyof T & string)[];
  /** Places that may be named anew where the run was started with one, since files move; what lies there is for others to check. */
  readonly mayMove?: readonly (keyof T & string)[];
};

/**
 * Takes every option from the first layer that has it, else its default; values of all layers are checked, also those
 * that another layer hides.
 * @param layers the strongest first
 * @throws UsageError when a value breaks its option's rule
 */
export function resolveConfig<T extends OptionTable>(options: T, layers: readonly Layer[]): Resolved<T> {
  const config: Record<string, OptionValue> = {};
  const origins: Record<string, Origin> = {};
  for (const [name, spec] of Object.entries(options)) {
    for (const { origin, values } of [...layers, defaultLayer(name, spec)]) {
      if (!Object.hasOwn(values, name)) continue;
      const value = checkValue(spec, values[name], labelOf(name, origin));
      config[name] ??= value;
      origins[name] ??= origin;
    }
  }
  const explicit = Object.keys(origins).filter((name) => isExplicit(origins[name]!));
  return { config: config as ConfigOf<T>, origins: origins as Resolved<T>["origins"], explicit: new Set(explicit) };
}

/**
 * Checks that every required option has a value.
 * @throws UsageError naming the first that has none
 */
export function requireAll<T extends OptionTable>(options: T, config: ConfigOf<T>): void {
  for (const [name, spec] of Object.entries(options)) {
    if (!spec.required || Object.hasOwn(config, name)) continue;
    throw new UsageError(`${flagOf(name)} is missing (${spec.describe}); give it as a flag or in --config`);
  }
}

/**
 * Refuses to go on with a stored run under other settings than it was started with.
 * @param given what the user set, without the stored run's values
 * @param stored the run's own values
 * @param options what options the run does not name, since it is older than they are, stood at
 * @throws UsageError naming option, both values and the ways out
 */
export function refuseConflicts<T extends OptionTable>(
  given: Resolved<T>,
  stored: Readonly<Record<string, unknown>>,
  { mayChange, mayMove = [] }: Changeable<T>,
  options: T,
): void {
  const config: Readonly<Record<string, OptionValue>> = given.config;
  for (const name of given.explicit) {
    if (mayChange.includes(name)) continue;
    const spec = options[name]!;
    const before = Object.hasOwn(stored, name) ? checkValue(spec, stored[name], name) : defaultOf(spec);
    if (sameValue(spec, config[name], before)) continue;
    if (before !== undefined && mayMove.includes(name)) continue;
    const [asked, was = "none"] = [JSON.stringify(config[name]), JSON.stringify(before)];
    const place = labelOf(name, given.origins[name]!);
    throw new UsageError(
      `--resume: ${place} asks for ${asked}, but the run was started with ${was}; leave it out, or start another run`,
    );
  }
}

/** Places are the same however they are written. */
function sameValue(spec: OptionSpec, one: OptionValue | undefined, other: OptionValue | undefined): boolean {
  const plain = (value: unknown) => (isPlace(spec) && typeof value === "string" ? path.resolve(value) : value);
  const all = (value: OptionValue | undefined) =>
    JSON.stringify(Array.isArray(value) ? value.map(plain) : plain(value));
  return all(one) === all(other);
}

/** A value's place as the user knows it: "--batch-size", "batchSize in run.yaml", "batchSize of preset small". */
export function labelOf(name: string, origin: Origin): string {
  switch (origin.kind) {
    case "flag":
      return flagOf(name);
    case "file":
      return `${name} in ${origin.path}`;
    case "preset":
      return `${name} of preset ${origin.name}`;
    case "stored":
      return `${name} in the stored config`;
    case "default":
      return `${name} by default`;
  }
}

/** What holds of an option that nobody set: its default, or off. */
export const defaultOf = (spec: OptionSpec): OptionValue | undefined =>
  spec.default ?? (spec.type === "boolean" ? false : undefined);

function defaultLayer(name: string, spec: OptionSpec): Layer {
  const value = defaultOf(spec);
  return { origin: { kind: "default" }, values: value === undefined ? {} : { [name]: value } };
}

const isExplicit = ({ kind }: Origin): boolean => kind === "flag" || kind === "file" || kind === "preset";
