/** Turns what was written into values, and says in words what a value must be. */
import { UsageError } from "../../lib/errors.js";
import { didYouMean } from "./nearest.js";
import type { NumberRule, OptionSpec, OptionValue } from "./options.js";

/**
 * The value of an option from the texts given on the command line, one for each time the flag appeared.
 * @param label the option as the user knows it ("--batch-size"), for errors
 * @throws UsageError when a text is missing, cannot be read, or breaks the option's rule
 */
export function parseTexts(spec: OptionSpec, texts: readonly string[], label: string): OptionValue {
  const several = spec.type === "numbers" || spec.type === "strings";
  if (texts.some((text) => text.trim() === "")) throw new UsageError(`${label} needs a value: ${ruleOf(spec)}`);
  if (texts.length > 1 && !several)
    throw new UsageError(`${label} was given ${texts.length} times (${texts.join(", ")}); give it once`);
  return checkValue(spec, readTexts(spec, texts), label);
}

/**
 * Checks a value that already has a type (from a config file, a preset, a stored run); one string may stand for a list of it.
 * What is empty is no value, as it is none on the command line.
 * @param label where it stands ("batchSize in run.yaml"), for errors
 * @throws UsageError that names label, rule and value
 */
export function checkValue(spec: OptionSpec, given: unknown, label: string): OptionValue {
  const value = spec.type === "strings" && typeof given === "string" ? [given] : given;
  if (isEmpty(value) && !("mayBeEmpty" in spec && spec.mayBeEmpty))
    throw new UsageError(`${label} is empty: want ${ruleOf(spec)}, or leave it out`);
  if (!obeys(spec, value))
    throw new UsageError(`${label}: want ${ruleOf(spec)}, got ${shown(value)}${hint(spec, value)}`);
  return value;
}

/** What a value of this option must be: "an integer from 1 to 8", "one of gelu, tanh", "a string". */
export function ruleOf(spec: OptionSpec): string {
  switch (spec.type) {
    case "boolean":
      return "true or false";
    case "string":
      return spec.choices ? `one of ${spec.choices.join(", ")}` : "a string";
    case "strings":
      return spec.choices ? `strings out of ${spec.choices.join(", ")}` : "a list of strings";
    case "number":
      return spec.choices
        ? `one of ${spec.choices.join(", ")}`
        : `${spec.integer ? "an integer" : "a number"}${bounds(spec)}`;
    case "numbers": {
      const kind = spec.integer ? "integers" : "numbers";
      return `${spec.length === undefined ? "a list of" : spec.length} ${kind}${bounds(spec, ", each")}`;
    }
  }
}

function readTexts(spec: OptionSpec, texts: readonly string[]): unknown {
  const [first = ""] = texts;
  switch (spec.type) {
    case "string":
      return first;
    case "strings":
      return texts;
    case "number":
      return asNumber(first);
    case "numbers":
      return texts.flatMap((text) => text.split(",")).map(asNumber);
    case "boolean":
      return first === "true" || (first === "false" ? false : first);
  }
}

/** The number that a text spells, or the text itself, so that an error can show it. */
function asNumber(text: string): unknown {
  const value = Number(text);
  return text.trim() === "" || Number.isNaN(value) ? text : value;
}

function obeys(spec: OptionSpec, value: unknown): value is OptionValue {
  switch (spec.type) {
    case "boolean":
      return typeof value === "boolean";
    case "string":
      return typeof value === "string" && (spec.choices?.includes(value) ?? true);
    case "strings":
      return (
        Array.isArray(value) &&
        value.every((item) => typeof item === "string" && !isEmpty(item) && (spec.choices?.includes(item) ?? true))
      );
    case "number":
      return inBounds(spec, value) && (spec.choices?.includes(value) ?? true);
    case "numbers":
      return (
        Array.isArray(value) &&
        (spec.length === undefined || value.length === spec.length) &&
        value.every((item) => inBounds(spec, item))
      );
  }
}

const isEmpty = (value: unknown): boolean =>
  typeof value === "string" ? value.trim() === "" : Array.isArray(value) && value.length === 0;

function inBounds(rule: NumberRule, value: unknown): value is number {
  if (typeof value !== "number" || !Number.isFinite(value)) return false;
  if (rule.integer && !Number.isSafeInteger(value)) return false;
  const { min = -Infinity, max = Infinity, above = -Infinity, below = Infinity } = rule;
  return value >= min && value <= max && value > above && value < below;
}

function bounds({ min, max, above, below }: NumberRule, each = ""): string {
  if (min !== undefined && max !== undefined) return `${each} from ${min} to ${max}`;
  const parts: string[] = [];
  if (min !== undefined) parts.push(`at least ${min}`);
  if (above !== undefined) parts.push(`above ${above}`);
  if (max !== undefined) parts.push(`at most ${max}`);
  if (below !== undefined) parts.push(`below ${below}`);
  return parts.length === 0 ? "" : `${each} ${parts.join(" and ")}`;
}

/** The choice that was probably meant; of a list that for the first item which is none. */
function hint(spec: OptionSpec, value: unknown): string {
  if ((spec.type !== "string" && spec.type !== "strings") || !spec.choices) return "";
  const { choices } = spec;
  const odd = [value].flat().find((item) => typeof item === "string" && !choices.includes(item));
  return typeof odd === "string" ? didYouMean(odd, choices) : "";
}

function shown(value: unknown): string {
  if (typeof value === "number") return String(value); // JSON has no NaN
  const text = value === undefined ? "nothing" : JSON.stringify(value);
  return text.length > 80 ? `${text.slice(0, 77)}...` : text;
}
