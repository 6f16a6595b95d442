import { readFile } from "node:fs/promises";
import { UsageError } from "../../lib/errors.js";
import { didYouMean } from "./nearest.js";
import { kebabCase, type OptionTable } from "./options.js";

/**
 * Reads a config file: one mapping of option names, in camelCase or kebab-case, in YAML or (`.json`) JSON.
 * @returns values by camelCase name, not yet checked
 * @throws UsageError when the file is missing, malformed, or has a key that is no option or stands there twice
 */
export async function readConfigFile(path: string, options: OptionTable): Promise<Record<string, unknown>> {
  const names = new Map<string, string>();
  for (const name of Object.keys(options)) names.set(name, name).set(kebabCase(name), name);
  const values: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(await readMapping(path))) {
    const name = names.get(key);
    if (name === undefined) throw new UsageError(`${path}: unknown key ${key}${didYouMean(key, Object.keys(options))}`);
    if (Object.hasOwn(values, name)) throw new UsageError(`${path}: ${name} stands there twice (also as ${key})`);
    values[name] = value;
  }
  return values;
}

async function readMapping(path: string): Promise<object> {
  const text = await readText(path);
  const value = path.endsWith(".json") ? parseJson(text, path) : await parseYaml(text, path);
  if (value === null || value === undefined) return {}; // an empty file
  if (typeof value !== "object" || Array.isArray(value))
    throw new UsageError(
      `${path}: want a mapping of option names to values, got ${Array.isArray(value) ? "a list" : typeof value}`,
    );
  return value;
}

async function readText(path: string): Promise<string> {
  try {
    return (await readFile(path, "utf8")).replace(/^\uFEFF/, ""); // the mark that editors on Windows begin with
  } catch (error) {
    throw new UsageError(`--config: cannot read ${path}: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    throw new UsageError(`${path}: not valid JSON: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
}

async function parseYaml(text: string, path: string): Promise<unknown> {
  const { parse } = await import("yaml");
  try {
    return parse(text, { logLevel: "error" }) as unknown;
  } catch (error) {
    const [message = ""] = String(error instanceof Error ? error.message : error).split("\n"); // the rest is a drawing of the place
    throw new UsageError(`${path}: not valid YAML: ${message.replace(/:$/, "")}`, { cause: error });
  }
}
