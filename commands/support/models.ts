/** Trained models as commands take them: read, checked against the model they claim to be. */
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { FileError } from "../../lib/errors.js";
import { readModel, type StoredModel } from "../../lib/files/readModel.js";
import { LAYOUTS, type Layout } from "../../lib/models/foreign/layouts.js";
import { codeGrid, type TokenizerConfig, tokenizerOf } from "../../lib/models/tokenizer.js";
import { type VimConfig, vimSpec } from "../../lib/models/vim.js";
import { flattenSpecs, type SpecTree } from "../../lib/nn/params.js";
import { sameShape } from "../../lib/shapes.js";

export type LoadedModel<Config> = {
  readonly model: Config;
  readonly weights: NamedHostTensors;
  readonly hash: string;
  readonly stored: StoredModel;
};

export type LoadOptions = {
  /** In a run directory, take the newest checkpoint's model instead of the finished one. */
  readonly checkpoint: boolean;
  /** Told of each newer checkpoint that was passed over, and why. */
  readonly warn: (message: string) => void;
};

/**
 * A tokenizer from a run directory of train-vq or import, a checkpoint or a model file.
 * @throws FileError when it is another kind of model, or its tensors do not fit its config
 */
export async function loadTokenizer(path: string, options?: LoadOptions): Promise<LoadedModel<TokenizerConfig>> {
  const stored = await readAs(path, { kind: "tokenizer", command: "train-vq" }, options);
  const model = stored.config["model"] as TokenizerConfig;
  return { model, weights: expectTensors(stored, tokenizerOf(model).spec), hash: stored.hash, stored };
}

/** A VIM from a run directory of train-vim or import, a checkpoint or a model file; throws as `loadTokenizer` does. */
export async function loadVim(path: string, options?: LoadOptions): Promise<LoadedModel<VimConfig>> {
  const stored = await readAs(path, { kind: "VIM", command: "train-vim" }, options);
  const model = stored.config["model"] as VimConfig;
  return { model, weights: expectTensors(stored, vimSpec(model)), hash: stored.hash, stored };
}

/**
 * Whether a VIM of classes never saw a sequence without one, so that the token those start with is as it was made. One whose codes
 * had labels in part may have seen some all the same.
 */
export function lacksClassless({ model, stored }: LoadedModel<VimConfig>): boolean {
  const { classDropout } = (stored.config["options"] ?? {}) as { classDropout?: number };
  return model.classes > 0 && model.classless !== false && classDropout === 0;
}

/**
 * Refuses a tokenizer whose codes are none of a VIM's.
 * @throws FileError when grid or number of codes differ
 */
export function expectSizes({ grid, vocabulary }: VimConfig, { model, stored }: LoadedModel<TokenizerConfig>): void {
  const described = (grid: readonly number[], codes: number) => `${grid.join(" x ")} codes of ${codes}`;
  const [want, got] = [described(grid, vocabulary), described(codeGrid(model), model.codebookSize)];
  if (want !== got) throw new FileError(`${stored.file}: the VIM wants a tokenizer of ${want} an image, got ${got}`);
}

type Wanted = {
  readonly kind: "tokenizer" | "VIM";
  /** The command that trains such models. */
  readonly command: string;
};

async function readAs(path: string, { kind, command }: Wanted, options?: LoadOptions): Promise<StoredModel> {
  const stored = await readModel(path, options && { checkpoint: options.checkpoint });
  for (const note of stored.notes) options?.warn(`${path}: ${note}`);
  const { command: got } = stored.config;
  if (got === command) return stored;
  const imported = got === "import" ? importedKind(stored) : undefined;
  if (imported === kind) return stored;
  throw new FileError(
    `${path}: want a model of ${command}, got one of ${got}${imported === undefined ? "" : `, a ${imported}`}`,
  );
}

function importedKind({ config }: StoredModel): Wanted["kind"] | undefined {
  const { layout } = (config["imported"] ?? {}) as { layout?: Layout };
  return layout && LAYOUTS[layout]?.kind;
}

function expectTensors({ file, tensors }: StoredModel, tree: SpecTree): NamedHostTensors {
  const specs = flattenSpecs(tree);
  for (const [name, { shape }] of Object.entries(specs)) {
    const got = tensors[name]?.shape;
    if (got && sameShape(got, shape)) continue;
    throw new FileError(
      `${file}: want tensor ${name} [${shape.join(", ")}], got ${got ? `[${got.join(", ")}]` : "none"}; ` +
        "the file and its config.json do not belong together",
    );
  }
  const odd = Object.keys(tensors).find((name) => !specs[name]);
  if (odd !== undefined) throw new FileError(`${file}: tensor ${odd} is not part of the model in config.json`);
  return tensors;
}
