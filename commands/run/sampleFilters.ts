/** Filters of `sample`: one for all classes, and those that single classes have of their own. */
import { UsageError } from "../../lib/errors.js";
import type { Filter } from "../../lib/sample/draw.js";
import { options, type SampleConfig } from "../sample.js";
import { kebabCase } from "../support/options.js";
import { parseTexts } from "../support/values.js";
import { classIdOf } from "./samplePlan.js";

export type SampleFilters = {
  readonly general: Filter;
  /** By class id. */
  readonly own: ReadonlyMap<number, Filter>;
};

type Drawn = {
  readonly classNames: readonly string[];
  /** Class ids of the images to draw. */
  readonly classIds: Iterable<number>;
};

const FLAG = "--class-filter";
const KEYS = ["temperature", "topK", "topP"] as const;
const KNOWN = KEYS.map(kebabCase).join(", ");

/**
 * The filters that flags describe; what a class does not say is as for all.
 * @throws UsageError when the filter of a class cannot be read, is there twice, or is of a class that is not drawn
 */
export function filtersOf(
  { temperature, topK, topP, classFilter = [] }: Pick<SampleConfig, (typeof KEYS)[number] | "classFilter">,
  { classNames, classIds }: Drawn,
): SampleFilters {
  const general: Filter = { temperature, topK, topP };
  const own = new Map<number, Filter>();
  if (classFilter.length > 0 && classNames.length === 0)
    throw new UsageError(`${FLAG}: this model was trained without classes; leave it out`);
  const drawn = new Set(classIds);
  for (const text of classFilter) {
    const { name, values } = parseClassFilter(text);
    const id = classIdOf(name, { names: classNames, flag: FLAG });
    if (own.has(id)) throw new UsageError(`${FLAG}: class "${name}" has two; write them as one`);
    if (!drawn.has(id)) throw new UsageError(`${FLAG}: no image of class "${name}" is drawn; leave it out`);
    own.set(id, { ...general, ...values });
  }
  return { general, own };
}

/** The filter of a class, by its id. */
export function filterFor({ general, own }: SampleFilters, classId: number): Filter {
  return own.get(classId) ?? general;
}

/** `boot:temperature=0.8,top-k=50`; a class name may have colons, values have none. */
function parseClassFilter(text: string): { name: string; values: Partial<Filter> } {
  const colon = text.lastIndexOf(":");
  const name = text.slice(0, Math.max(0, colon)).trim();
  if (name === "")
    throw new UsageError(`${FLAG}: want a class, a colon and its settings, as in boot:top-k=50, got "${text}"`);
  const values: Partial<Record<keyof Filter, number>> = {};
  for (const setting of text.slice(colon + 1).split(",")) {
    const [written = "", ...value] = setting.split("=");
    const key = KEYS.find((one) => [one, kebabCase(one)].includes(written.trim()));
    if (!key || value.length !== 1)
      throw new UsageError(`${FLAG}: of class "${name}": want settings of ${KNOWN} as in top-k=50, got "${setting}"`);
    const label = `${FLAG}: ${kebabCase(key)} of class "${name}"`;
    if (values[key] !== undefined) throw new UsageError(`${label} is set twice; set it once`);
    values[key] = parseTexts(options[key], [value.join().trim()], label) as number;
  }
  return { name, values };
}
