/** Programs whose checkpoints are known: whose a file is, and which of its tensors are the model's. */
import { FileError } from "../../errors.js";

type Known = {
  /** For people. */
  readonly title: string;
  /** What it is to the commands. */
  readonly kind: "tokenizer" | "VIM";
  /** A tensor that such a model has and no other. */
  readonly sign: string;
  /** What the names of its tensors begin with. */
  readonly parts: readonly string[];
  /** What they begin with besides in checkpoints of its training. */
  readonly inside?: string;
};

/** Programs whose checkpoints are known. */
export const LAYOUTS = {
  enhancing: {
    title: "ViT-VQGAN of enhancing-transformers",
    kind: "tokenizer",
    sign: "encoder.to_patch_embedding.0.weight",
    parts: ["encoder.", "decoder.", "quantizer.", "pre_quant.", "post_quant."],
  },
  "enhancing-gpt": {
    title: "GPT of enhancing-transformers",
    kind: "VIM",
    sign: "tok_emb_code.weight",
    parts: ["pos_emb_cond", "pos_emb_code", "tok_emb_cond.", "tok_emb_code.", "blocks.", "layer_norm.", "head."],
    inside: "transformer.",
  },
  taming: {
    title: "VQGAN of taming-transformers",
    kind: "tokenizer",
    sign: "encoder.conv_in.weight",
    parts: ["encoder.", "decoder.", "quantize.", "quant_conv.", "post_quant_conv."],
  },
} as const satisfies Record<string, Known>;

export type Layout = keyof typeof LAYOUTS;
export type TokenizerLayout = { [L in Layout]: (typeof LAYOUTS)[L]["kind"] extends "tokenizer" ? L : never }[Layout];

const known = Object.entries(LAYOUTS) as [Layout, Known][];

/**
 * Whose model has tensors of these names.
 * @param source file, named in errors
 * @throws FileError when it is nobody's, saying what the names begin with and where in the file one might be
 */
export function layoutOf(source: string, names: Iterable<string>): Layout {
  const all = [...names];
  const found = known.find(([, { sign, inside = "" }]) => all.includes(sign) || all.includes(inside + sign));
  if (found) return found[0];
  const below = known.flatMap(([, { sign }]) => all.filter((name) => name.endsWith(`.${sign}`)).map(before(sign)));
  const first = [...new Set(all.map((name) => name.split(".")[0]!))];
  const titles = known.map(([, { title }]) => `a ${title}`);
  throw new FileError(
    `${source}: neither ${titles.slice(0, -1).join(", ")} nor ${titles.at(-1)}: the names of its ${all.length} ` +
      `tensors begin with ${some(first)}${below.length > 0 ? `; there is one below the prefix ${below.join(", ")}` : ""}`,
  );
}

const before = (sign: string) => (name: string) => name.slice(0, -sign.length - 1);

export type ModelNames = {
  /** What the model's names begin with in this file, besides their own beginnings. */
  readonly inside: string;
  /** Names that belong to the model. */
  readonly own: readonly string[];
  /** Those that lie beside it: losses, discriminators, averages, the other stage. */
  readonly beside: readonly string[];
};

/** Sorts the names in a file into those of the model and the others. */
export function modelNames(layout: Layout, names: Iterable<string>): ModelNames {
  const all = [...names];
  const { sign, parts, inside: around = "" }: Known = LAYOUTS[layout];
  const inside = all.includes(around + sign) ? around : "";
  const starts = inside === "" ? parts : [inside];
  const isOwn = (name: string) => starts.some((start) => name.startsWith(start));
  return { inside, own: all.filter(isOwn), beside: all.filter((name) => !isOwn(name)) };
}

function some(names: readonly string[]): string {
  return names.slice(0, 8).join(", ") + (names.length > 8 ? `, ... (${names.length})` : "");
}
