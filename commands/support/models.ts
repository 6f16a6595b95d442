/** Trained models as commands take them: read, checked against the model they claim to be. */
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { FileError } from "../../lib/errors.js";
import { type ReadModelOptions, readModel, type StoredModel } from "../../lib/files/readModel.js";
import { type TokenizerConfig, tokenizerOf } from "../../lib/models/tokenizer.js";
import { type VimConfig, vimSpec } from "../../lib/models/vim.js";
import { flattenSpecs, type SpecTree } from "../../lib/nn/params.js";

export type LoadedModel<Config> = {
  readonly model: Config;
  readonly weights: NamedHostTensors;
  readonly hash: string;
  readonly stored: StoredModel;
};

/**
 * A tokenizer from a run directory of train-vq or import, a checkpoint or a model file.
 * @throws FileError when it is another kind of model, or its tensors do not fit its config
 */
export async function loadTokenizer(path: string, options?: ReadModelOptions): Promise<LoadedModel<TokenizerConfig>> {
  const stored = await readAs(path, ["train-vq", "import"], options);
  const model = stored.config["model"] as TokenizerConfig;
  return { model, weights: expectTensors(stored, tokenizerOf(model).spec), hash: stored.hash, stored };
}

/** A VIM from a run directory of train-vim, a checkpoint or a model file; throws as `loadTokenizer` does. */
export async function loadVim(path: string, options?: ReadModelOptions): Promise<LoadedModel<VimConfig>> {
  const stored = await readAs(path, ["train-vim"], options);
  const model = stored.config["model"] as VimConfig;
  return { model, weights: expectTensors(stored, vimSpec(model)), hash: stored.hash, stored };
}

async function readAs(
  path: string,
  commands: readonly [string, ...string[]],
  options?: ReadModelOptions,
): Promise<StoredModel> {
  const stored = await readModel(path, options);
  if (!commands.includes(stored.config.command))
    throw new FileError(`${path}: want a model of ${commands[0]}, got one of ${stored.config.command}`);
  return stored;
}

function expectTensors({ file, tensors }: StoredModel, tree: SpecTree): NamedHostTensors {
  const specs = flattenSpecs(tree);
  for (const [name, { shape }] of Object.entries(specs)) {
    const got = tensors[name]?.shape;
    if (got && got.length === shape.length && got.every((dim, i) => dim === shape[i])) continue;
    throw new FileError(
      `${file}: want tensor ${name} [${shape.join(", ")}], got ${got ? `[${got.join(", ")}]` : "none"}; ` +
        "the file and its config.json do not belong together",
    );
  }
  const odd = Object.keys(tensors).find((name) => !specs[name]);
  if (odd !== undefined) throw new FileError(`${file}: tensor ${odd} is not part of the model in config.json`);
  return tensors;
}
