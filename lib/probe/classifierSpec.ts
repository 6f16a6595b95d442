/**
 * How images become the input of a foreign classifier, and what its outputs mean: a JSON file beside its model.
 *
 *     { "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225], "resize": 256, "classNames": ["cat", "dog"] }
 */
import { readFile } from "node:fs/promises";
import type { Kernel } from "../data/view.js";
import { FileError } from "../errors.js";

export type ClassifierSpec = {
  /** Order of the input's dimensions; told from its shape unless given. */
  readonly layout?: "NCHW" | "NHWC";
  /** Side of the input in pixels, where the model leaves it open. */
  readonly size?: number;
  /** Shorter side of an image before the centred crop to `size`; `size` if absent. */
  readonly resize?: number;
  /** How images are resized; linear if absent. */
  readonly kernel?: Kernel;
  /** What black and white are before mean and std; [0, 1] if absent. */
  readonly range?: readonly [black: number, white: number];
  /** Subtracted, one for all channels or one each; 0 if absent. */
  readonly mean?: readonly number[];
  /** Divides what is left; 1 if absent. */
  readonly std?: readonly number[];
  /** The output with a score for each class, where there are several. */
  readonly outputName?: string;
  /** What the scores are; probabilities if absent and every row of them sums to 1, else logits. */
  readonly output?: "logits" | "probabilities";
  /** Names of outputs 0, 1, ... */
  readonly classNames?: readonly string[];
  /** The output of a class by its name, or several whose probabilities are added. */
  readonly classIndex?: Readonly<Record<string, number | readonly number[]>>;
};

/**
 * Reads a spec.
 * @throws FileError when it cannot be read, is not JSON, or has an unknown or ill-formed field
 */
export async function readClassifierSpec(file: string): Promise<ClassifierSpec> {
  const text = await readFile(file, "utf8").catch((cause: Error) => {
    throw new FileError(`${file}: the classifier's spec cannot be read: ${cause.message}`, { cause });
  });
  return checkSpec(file, parsed(file, text));
}

/**
 * Outputs that stand for a class; none where the spec does not know it.
 * @param className of the class that is asked for
 */
export function outputsOf({ classNames, classIndex = {} }: ClassifierSpec, className: string): readonly number[] {
  if (Object.hasOwn(classIndex, className)) return [classIndex[className]!].flat();
  const index = classNames?.indexOf(className) ?? -1;
  return index < 0 ? [] : [index];
}

type Rule = { readonly want: string; readonly holds: (value: unknown) => boolean };

const KERNELS = ["nearest", "linear", "cubic", "mitchell", "lanczos2", "lanczos3"] satisfies Kernel[];
const isNumber = (value: unknown): value is number => Number.isFinite(value);
const isIndex = (value: unknown) => Number.isInteger(value) && (value as number) >= 0;
const isList = (value: unknown, holds: (item: unknown) => boolean): value is unknown[] =>
  Array.isArray(value) && value.length > 0 && value.every(holds);
const isText = (value: unknown) => typeof value === "string";

const oneOf = (...choices: string[]): Rule => ({
  want: `one of ${choices.join(", ")}`,
  holds: (value) => isText(value) && choices.includes(value as string),
});
const side: Rule = { want: "a whole number of pixels", holds: (value) => isIndex(value) && value !== 0 };
const perChannel = "a list of 1 or 3 numbers";
const fitsChannels = (value: unknown) => isList(value, isNumber) && (value.length === 1 || value.length === 3);

const RULES: Readonly<Record<keyof ClassifierSpec, Rule>> = {
  layout: oneOf("NCHW", "NHWC"),
  size: side,
  resize: side,
  kernel: oneOf(...KERNELS),
  range: {
    want: "two different numbers",
    holds: (value) => isList(value, isNumber) && value.length === 2 && value[0] !== value[1],
  },
  mean: { want: perChannel, holds: fitsChannels },
  std: { want: `${perChannel} above 0`, holds: (v) => fitsChannels(v) && (v as number[]).every((each) => each > 0) },
  outputName: { want: "a string", holds: isText },
  output: oneOf("logits", "probabilities"),
  classNames: { want: "a list of strings", holds: (value) => isList(value, isText) },
  classIndex: {
    want: "an object of output numbers, or lists of them, by class name",
    holds: (value) =>
      typeof value === "object" &&
      value !== null &&
      !Array.isArray(value) &&
      Object.values(value).every((one) => isIndex(one) || isList(one, isIndex)),
  },
};

function checkSpec(file: string, spec: unknown): ClassifierSpec {
  if (typeof spec !== "object" || spec === null || Array.isArray(spec))
    throw new FileError(`${file}: want the classifier's spec as a JSON object`);
  for (const [name, value] of Object.entries(spec)) {
    const rule = Object.hasOwn(RULES, name) ? RULES[name as keyof ClassifierSpec] : undefined;
    if (!rule) throw new FileError(`${file}: unknown field "${name}"; there are ${Object.keys(RULES).join(", ")}`);
    if (!rule.holds(value))
      throw new FileError(`${file}: ${name}: want ${rule.want}, got ${JSON.stringify(value).slice(0, 60)}`);
  }
  const { classNames, classIndex } = spec as ClassifierSpec;
  if (classNames || classIndex) return spec;
  throw new FileError(
    `${file}: want classNames, the names of the outputs, or classIndex, an output for each class name`,
  );
}

function parsed(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new FileError(`${file}: the classifier's spec is not JSON`, { cause });
  }
}
