import { FileError } from "../../errors.js";
import { PyGlobal, PyObject } from "./pickleValues.js";
import type { TorchFile } from "./torchCheckpoint.js";
import { tensorOf } from "./torchGlobals.js";
import type { LazyTensor } from "./torchTensor.js";

export type StateDictOptions = {
  /** Where in the saved object the state dict lies, key by key; default: looked for under the usual names. */
  readonly at?: readonly string[];
  /** Only names below this dotted prefix, which is taken off: with "encoder", "encoder.norm.bias" becomes "norm.bias". */
  readonly prefix?: string;
};

/** Keys under which people keep a state dict, in the order tried. */
export const STATE_DICT_KEYS = [
  "state_dict",
  "model_state_dict",
  "model",
  "module",
  "net",
  "params_ema",
  "params",
] as const;

/**
 * The named tensors of a checkpoint: the saved object itself, or what it holds under one of `STATE_DICT_KEYS`. Entries
 * that are no tensors are passed over.
 * @throws FileError when there are none, or none below the prefix
 */
export function stateDict(file: TorchFile, { at, prefix }: StateDictOptions = {}): Map<string, LazyTensor> {
  const dict = at ? at.reduce((value: unknown, key) => dictOf(value)?.get(key), file.root) : findStateDict(file.root);
  const tensors = namedTensors(dict);
  if (tensors.size > 0) return below(file.path, tensors, prefix);
  const where = at?.length ? `under ${at.join(" > ")}` : `at its root or under ${STATE_DICT_KEYS.join(", ")}`;
  throw new FileError(`${file.path}: no state dict ${where}; the file holds ${described(file.root)}`);
}

/**
 * The entries below a dotted prefix, which is taken off their names; all without a prefix.
 * @throws FileError when there are none
 */
export function below<T>(path: string, entries: ReadonlyMap<string, T>, prefix = ""): Map<string, T> {
  if (prefix === "") return new Map(entries);
  const start = prefix.endsWith(".") ? prefix : `${prefix}.`;
  const found = [...entries].filter(([name]) => name.startsWith(start));
  if (found.length > 0) return new Map(found.map(([name, entry]) => [name.slice(start.length), entry]));
  const first = [...new Set([...entries.keys()].map((name) => name.split(".")[0]))];
  throw new FileError(`${path}: no tensor below "${prefix}"; names begin with ${listed(first)}`);
}

function findStateDict(root: unknown): unknown {
  const dict = dictOf(root);
  const inside = STATE_DICT_KEYS.map((key) => dict?.get(key)).find(holdsTensors);
  return inside ?? root;
}

function dictOf(value: unknown): ReadonlyMap<unknown, unknown> | undefined {
  if (value instanceof PyObject) return value.items;
  return value instanceof Map ? value : undefined;
}

function holdsTensors(value: unknown): boolean {
  return namedTensors(value).size > 0;
}

function namedTensors(value: unknown): Map<string, LazyTensor> {
  const named = new Map<string, LazyTensor>();
  for (const [name, entry] of dictOf(value) ?? []) {
    const tensor = tensorOf(entry);
    if (typeof name === "string" && tensor) named.set(name, tensor);
  }
  return named;
}

function described(root: unknown): string {
  const keys = [...(dictOf(root)?.keys() ?? [])].filter((key) => typeof key === "string");
  if (keys.length > 0) return listed(keys);
  if (root instanceof PyObject && root.callee instanceof PyGlobal)
    return `a ${root.callee}; save its state_dict() instead`;
  return root instanceof Map ? "an empty dict" : "no dict";
}

function listed(names: readonly unknown[]): string {
  return names.slice(0, 8).join(", ") + (names.length > 8 ? `, ... (${names.length})` : "");
}
