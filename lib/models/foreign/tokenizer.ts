/** Tokenizers that other programs trained as models of ours. */
import type { NamedHostTensors } from "../../engine/types.js";
import { FileError } from "../../errors.js";
import type { TokenizerConfig } from "../tokenizer.js";
import { LAYOUTS, type TokenizerLayout } from "./layouts.js";
import { fromPort, type PortOptions } from "./portNames.js";
import { type TamingOptions, tamingModel } from "./tamingModel.js";
import { fromTaming } from "./tamingNames.js";

export type ForeignOptions = Pick<PortOptions, "headDim"> &
  Omit<TamingOptions, "source"> & { readonly layout: TokenizerLayout; readonly source: string };

/**
 * A tokenizer from the tensors of a model's own names, as `modelNames` tells them.
 * @throws FileError naming every tensor that is missing, of another shape or type, or without a place in the model
 * @throws RangeError when image size or groups do not fit the shapes
 */
export function foreignTokenizer(
  named: NamedHostTensors,
  { layout, source, ...options }: ForeignOptions,
): { readonly model: TokenizerConfig; readonly tensors: NamedHostTensors } {
  if (layout === "taming") {
    const model = tamingModel(named, { source, ...options });
    return { model, tensors: inFile(source, () => fromTaming(named, model)) };
  }
  const { model, tensors, left } = fromPort(named, { source, ...options });
  if (left.length === 0) return { model, tensors };
  throw new FileError(`${source}: the ${LAYOUTS.enhancing.title} in it has no place for ${left.join(", ")}`);
}

/** Says in which file a refusal was met. */
function inFile<T>(source: string, body: () => T): T {
  try {
    return body();
  } catch (error) {
    throw error instanceof FileError ? new FileError(`${source}: ${error.message}`, { cause: error }) : error;
  }
}
