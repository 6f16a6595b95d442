/** Options that would change nothing beside others: refused where somebody set them, not printed where a preset did. */
import { UsageError } from "../../lib/errors.js";
import { type ConfigOf, flagOf, type OptionTable } from "./options.js";
import { defaultOf, labelOf, type Origin, type Resolved } from "./resolve.js";

/** Options that count only beside others. */
export type IdleRule<T extends OptionTable> = {
  readonly names: readonly (keyof T & string)[];
  /** Whether these options count, with `--json` or without. */
  readonly when: (config: ConfigOf<T>, json: boolean) => boolean;
  /** What would make them count. */
  readonly want: string;
};

type Given<T extends OptionTable> = Pick<Resolved<T>, "config" | "origins"> & { readonly json?: boolean };

/** @throws UsageError naming an option that was typed, or set in the config file, and changes nothing */
export function refuseIdle<T extends OptionTable>(
  { config, origins, json = false }: Given<T>,
  options: T,
  rules: readonly IdleRule<T>[],
): void {
  // A file that says what holds anyway may be one that --print-config wrote.
  const isSet = (name: keyof T & string) => {
    const { kind } = origins[name] ?? {};
    return kind === "flag" || (kind === "file" && !isDefault(options, name, config[name as keyof ConfigOf<T>]));
  };
  for (const { names, when, want } of rules) {
    const idle = names.find(isSet);
    if (idle === undefined || when(config, json)) continue;
    throw new UsageError(
      `${placeOf(idle, { config, origins }, options)}: changes nothing here; it wants ${want}. Leave it out`,
    );
  }
}

/**
 * A config to be written down: what a preset or a stored run sets without effect goes back to its default, since nobody
 * who gives the file to `--config` has set it.
 */
export function withoutIdle<T extends OptionTable>(
  { config, origins, json = false }: Given<T>,
  options: T,
  rules: readonly IdleRule<T>[],
): ConfigOf<T> {
  const isInherited = (name: keyof T & string) => origins[name]?.kind === "preset" || origins[name]?.kind === "stored";
  for (const { names, when } of rules) {
    const idle = names.find(isInherited);
    if (idle === undefined || when(config, json)) continue;
    const { [idle]: _, ...rest } = config as Record<string, unknown>;
    const value = defaultOf(options[idle]!);
    // One at a time, and from the first rule again, because others may have counted beside it.
    return withoutIdle(
      {
        config: (value === undefined ? rest : { ...config, [idle]: value }) as ConfigOf<T>,
        origins: { ...origins, [idle]: { kind: "default" } },
      },
      options,
      rules,
    );
  }
  return config;
}

const isDefault = (options: OptionTable, name: string, value: unknown): boolean =>
  JSON.stringify(value) === JSON.stringify(defaultOf(options[name]!) ?? false);

/** An option as it was set; a positional with its value, since nobody typed its flag. */
function placeOf<T extends OptionTable>(name: keyof T & string, { config, origins }: Given<T>, options: T): string {
  const origin: Origin = origins[name]!;
  if (origin.kind !== "flag" || !options[name]!.positional) return labelOf(name, origin);
  return `${flagOf(name)} ${[(config as Record<string, unknown>)[name]].flat().join(" ")}`;
}
