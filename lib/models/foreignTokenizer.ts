/** Tokenizers that other programs trained as models of ours: whose they are, and which of a file's tensors they are. */
import type { NamedHostTensors } from "../engine/types.js";
import { FileError } from "../errors.js";
import { fromTaming } from "./cnnVqganNames.js";
import { fromPort, type PortOptions } from "./portNames.js";
import { type TamingOptions, tamingModel } from "./tamingModel.js";
import type { TokenizerConfig } from "./tokenizer.js";

type Known = {
  /** For people. */
  readonly title: string;
  /** A tensor that such a model has and no other. */
  readonly sign: string;
  /** What the names of its tensors begin with. */
  readonly parts: readonly string[];
};

/** Programs whose checkpoints are known. */
export const LAYOUTS = {
  enhancing: {
    title: "ViT-VQGAN of enhancing-transformers",
    sign: "encoder.to_patch_embedding.0.weight",
    parts: ["encoder.", "decoder.", "quantizer.", "pre_quant.", "post_quant."],
  },
  taming: {
    title: "VQGAN of taming-transformers",
    sign: "encoder.conv_in.weight",
    parts: ["encoder.", "decoder.", "quantize.", "quant_conv.", "post_quant_conv."],
  },
} as const satisfies Record<string, Known>;

export type Layout = keyof typeof LAYOUTS;

/**
 * Whose tokenizer has tensors of these names.
 * @param source file, named in errors
 * @throws FileError when it is nobody's, saying what the names begin with and where in the file one might be
 */
export function layoutOf(source: string, names: Iterable<string>): Layout {
  const all = [...names];
  const known = Object.entries(LAYOUTS) as [Layout, Known][];
  const found = known.find(([, { sign }]) => all.includes(sign));
  if (found) return found[0];
  const inside = known.flatMap(([, { sign }]) => all.filter((name) => name.endsWith(`.${sign}`)).map(before(sign)));
  const first = [...new Set(all.map((name) => name.split(".")[0]!))];
  throw new FileError(
    `${source}: neither a ${LAYOUTS.enhancing.title} nor a ${LAYOUTS.taming.title}: the names of its ${all.length} ` +
      `tensors begin with ${some(first)}${inside.length > 0 ? `; there is one below the prefix ${inside.join(", ")}` : ""}`,
  );
}

const before = (sign: string) => (name: string) => name.slice(0, -sign.length - 1);

/** Names that belong to the model, and those that lie beside it: losses, discriminators, averages. */
export function modelNames(layout: Layout, names: Iterable<string>): { own: string[]; beside: string[] } {
  const isOwn = (name: string) => LAYOUTS[layout].parts.some((part) => name.startsWith(part));
  const all = [...names];
  return { own: all.filter(isOwn), beside: all.filter((name) => !isOwn(name)) };
}

export type ForeignOptions = Pick<PortOptions, "headDim"> &
  Omit<TamingOptions, "source"> & { readonly layout: Layout; readonly source: string };

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

function some(names: readonly string[]): string {
  return names.slice(0, 8).join(", ") + (names.length > 8 ? `, ... (${names.length})` : "");
}
