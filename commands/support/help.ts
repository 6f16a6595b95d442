/** The words of `--help`. They are put together without yargs, whose loading alone takes longer than Node's start. */
import { kebabCase, type OptionSpec, type OptionTable } from "./options.js";
import { type Definition, definitions, textColumn, textWidth, wrap } from "./text.js";
import { ruleOf } from "./values.js";

/** What the help of a command is made of. */
export type HelpSubject = {
  /** "vitvq train-vq" */
  readonly invocation: string;
  readonly describe: string;
  readonly options: OptionTable;
  readonly presets?: Readonly<Record<string, object>>;
  readonly examples: readonly (readonly [commandLine: string, meaning: string])[];
};

/** Usage, purpose, options by group, presets with their values, examples; at the width of the terminal. */
export function helpText(subject: HelpSubject): string {
  const width = textWidth();
  const sections = [`${subject.invocation}${positionalsOf(subject.options)} [options]`, wrap(subject.describe, width)];
  const groups = rowsByGroup(subject.options);
  const column = textColumn([...groups.values()].flat(), width); // the same in all groups
  for (const [group, rows] of groups) sections.push(`${group}\n${definitions(rows, width, column)}`);
  const presets = Object.entries(subject.presets ?? {}).map(([name, values]) => [name, listed(values)] as const);
  if (presets.length > 0) sections.push(`Presets\n${definitions(presets, width)}`);
  const examples = subject.examples.map(
    ([commandLine, meaning]) => `  ${commandLine}\n${wrap(`      ${meaning}`, width, "      ")}`,
  );
  if (examples.length > 0) sections.push(`Examples\n${examples.join("\n")}`);
  return sections.join("\n\n");
}

/** What the help says of an option: its meaning, then rule, unit and default in parentheses. */
export function describeOption(name: string, spec: OptionSpec): string {
  const facts: string[] = [];
  const rule = ruleOf(spec).replace(/^an? /, "");
  if (spec.type === "boolean") {
    if (spec.default) facts.push(`on unless --no-${kebabCase(name)}`);
  } else {
    if (rule !== "string" && rule !== "list of strings") facts.push(rule);
    if (spec.type === "strings" && !spec.positional) facts.push("may be repeated");
    if (spec.unit !== undefined) facts.push(`in ${spec.unit}`);
    if (spec.default !== undefined) facts.push(`default ${plain(spec.default)}`);
  }
  if (spec.required) facts.push("required");
  return facts.length === 0 ? spec.describe : `${spec.describe} (${facts.join("; ")})`;
}

/** What stands under each heading, in table order. */
function rowsByGroup(options: OptionTable): Map<string, Definition[]> {
  const groups = new Map<string, Definition[]>();
  for (const [name, spec] of Object.entries(options)) {
    const group = spec.group ?? "Options";
    groups.set(group, [...(groups.get(group) ?? []), [written(name, spec), describeOption(name, spec)]]);
  }
  return groups;
}

/** `-o, --out <folder>` */
function written(name: string, spec: OptionSpec): string {
  const flag = `${spec.alias === undefined ? "" : `-${spec.alias}, `}--${kebabCase(name)}`;
  return spec.type === "boolean" ? flag : `${flag} <${spec.value ?? placeholder(spec)}>`;
}

function placeholder(spec: OptionSpec): string {
  if (spec.type === "number") return "n";
  if (spec.type === "numbers") return "n,...";
  return spec.type === "string" || spec.type === "strings" ? (spec.choices ? "name" : "text") : "";
}

function positionalsOf(options: OptionTable): string {
  const names = Object.entries(options).filter(([, spec]) => spec.positional);
  return names.map(([name, spec]) => ` [${kebabCase(name)}${spec.type === "strings" ? "..." : ""}]`).join("");
}

const listed = (values: object): string =>
  Object.entries(values)
    .map(([name, value]) => `${kebabCase(name)} ${plain(value)}`)
    .join(", ");

const plain = (value: unknown): string => [value].flat().join(",");
