/** The work of `sample`: codes drawn class by class, decoded, written as PNGs with a grid and an index. */
import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import path from "node:path";
import { openEngine } from "../../lib/engine/open.js";
import type { Engine } from "../../lib/engine/types.js";
import { FileError, UsageError } from "../../lib/errors.js";
import { writeAtomically, writeJson } from "../../lib/files/atomic.js";
import type { TokenizerConfig } from "../../lib/models/tokenizer.js";
import { noClass, sequenceLength, type VimConfig } from "../../lib/models/vim.js";
import { streamSeed } from "../../lib/random.js";
import { createDecoder } from "../../lib/sample/codec.js";
import { createSampler } from "../../lib/sample/sampler.js";
import { encodePng } from "../../lib/ui/canvas.js";
import { formatDuration, formatInteger } from "../../lib/ui/format.js";
import { classGrid } from "../../lib/ui/gridCompositions.js";
import { imageGrid } from "../../lib/ui/imageGrid.js";
import type { Reporter } from "../../lib/ui/progress.js";
import type { options } from "../sample.js";
import type { CommandContext } from "../support/command.js";
import { numberedName, writeImage } from "../support/images.js";
import { expectSizes, type LoadedModel, loadTokenizer, loadVim } from "../support/models.js";
import { didYouMean } from "../support/nearest.js";
import { openReporter } from "../support/reporter.js";

type Context = CommandContext<typeof options>;

/** One image to draw. */
type Plan = { readonly classId: number; readonly seed: number };

const PER_CLASS = 10;
const GRID_COLUMNS = 10;

export async function run(context: Context): Promise<void> {
  const { config, dryRun, force, result } = context;
  const vim = await loadVim(config.vim, { checkpoint: config.checkpoint });
  const tokenizer = await loadTokenizer(tokenizerPath(vim, config.tokenizer), { checkpoint: config.checkpoint });
  expectSameCodes(vim, tokenizer);
  const classNames = namesOf(vim);
  const plans = planImages(context, vim.model, classNames);
  if (dryRun) return result({ dryRun: true, images: plans.length }, `would draw ${formatInteger(plans.length)} images`);
  await expectFree(config.out, force);
  const reporter = await openReporter(context);
  try {
    const engine = await openEngine(config.engine, config.threads === undefined ? {} : { threads: config.threads });
    const began = performance.now();
    const images = await draw(context, { vim, tokenizer, plans, engine, reporter });
    const seconds = (performance.now() - began) / 1000;
    await write(context, { images, plans, classNames, tokenizer: tokenizer.model });
    const codes = plans.length * sequenceLength(vim.model);
    result(
      { out: config.out, images: plans.length, seconds, codesPerSecond: codes / seconds },
      `${config.out}: ${formatInteger(plans.length)} images in ${formatDuration(seconds)}, ` +
        `${formatInteger(Math.round(codes / seconds))} codes/s; see grid.png and index.json`,
    );
  } finally {
    reporter.stop();
  }
}

type Drawing = {
  vim: LoadedModel<VimConfig>;
  tokenizer: LoadedModel<TokenizerConfig>;
  plans: readonly Plan[];
  engine: Engine;
  reporter: Reporter;
};

/** Images [N, H, W, C] in the order of the plans. */
async function draw({ config }: Context, { vim, tokenizer, plans, engine, reporter }: Drawing): Promise<Float32Array> {
  const { temperature, topK, topP } = config;
  const batchSize = Math.min(config.batchSize, plans.length);
  const T = sequenceLength(vim.model);
  const sampler = await createSampler({ engine, model: vim.model, weights: vim.weights, batchSize });
  const decoder = await createDecoder({ engine, model: tokenizer.model, weights: tokenizer.weights, batchSize });
  const pixels = tokenizer.model.imageSize ** 2 * tokenizer.model.channels;
  const images = new Float32Array(plans.length * pixels);
  const bar = reporter.bar({ total: plans.length * T, unit: "codes", label: "drawing" });
  for (let done = 0; done < plans.length; done += batchSize) {
    const part = plans.slice(done, done + batchSize);
    const padded = Array.from({ length: batchSize }, (_, i) => part[i] ?? part[0]!);
    const codes = await sampler.sample({
      classIds: Int32Array.from(padded, ({ classId }) => classId),
      seeds: padded.map(({ seed }) => seed),
      filter: { temperature, topK, topP },
      onPosition: (drawn) => bar.update(done * T + drawn * part.length, { "images left": plans.length - done }),
    });
    images.set((await decoder.decode(codes)).subarray(0, part.length * pixels), done * pixels);
  }
  bar.stop();
  await sampler.close();
  await decoder.close();
  return images;
}

type Drawn = {
  images: Float32Array;
  plans: readonly Plan[];
  classNames: readonly string[];
  tokenizer: TokenizerConfig;
};

async function write({ config }: Context, { images, plans, classNames, tokenizer }: Drawn): Promise<void> {
  const { imageSize, channels } = tokenizer;
  const size = { height: imageSize, width: imageSize, channels };
  const pixels = images.length / plans.length;
  await mkdir(config.out, { recursive: true });
  for (const [i] of plans.entries())
    await writeImage(path.join(config.out, numberedName(i)), images.subarray(i * pixels, (i + 1) * pixels), size);
  const labels = plans.map(({ classId }) => classId);
  const conditional = labels.some((label) => label < classNames.length);
  const grid = conditional
    ? classGrid({ images, size, labels, classNames, perClass: GRID_COLUMNS })
    : imageGrid({ images, size, columns: GRID_COLUMNS });
  await writeAtomically(path.join(config.out, "grid.png"), await encodePng(grid));
  const { temperature, topK, topP, seed } = config;
  await writeJson(path.join(config.out, "index.json"), {
    images: plans.map(({ classId, seed: own }, i) => ({
      file: numberedName(i),
      class: classId < classNames.length ? classId : null,
      className: classNames[classId] ?? null,
      seed: own,
    })),
    filter: { temperature, topK, topP },
    seed,
    vim: path.resolve(config.vim),
  });
}

/** Which classes to draw, and from which stream each image comes. */
function planImages({ config }: Context, model: VimConfig, classNames: readonly string[]): Plan[] {
  const classIds = wantedClasses(config, model, classNames);
  const count = config.count ?? PER_CLASS * classIds.length;
  return Array.from({ length: count }, (_, i) => ({
    classId: classIds[Math.floor((i * classIds.length) / count)]!,
    seed: streamSeed(config.seed, "sample", i),
  }));
}

function wantedClasses(
  { classes, unconditional }: Context["config"],
  model: VimConfig,
  names: readonly string[],
): number[] {
  if (unconditional && model.classless === false)
    throw new UsageError("--unconditional: this model knows no images without a class; leave it out");
  if (unconditional && classes) throw new UsageError("--classes and --unconditional exclude each other");
  if (model.classes === 0 && classes) throw new UsageError("--classes: this model was trained without classes");
  if (unconditional || model.classes === 0) return [noClass(model)];
  if (!classes) return Array.from({ length: model.classes }, (_, i) => i);
  return classes.map((wanted) => {
    const named = names.indexOf(wanted);
    const id = named >= 0 ? named : Number(wanted);
    if (Number.isInteger(id) && id >= 0 && id < model.classes) return id;
    throw new UsageError(
      `--classes: no class "${wanted}"${didYouMean(wanted, names)}; there are ${model.classes}: ${names.slice(0, 20).join(", ")}`,
    );
  });
}

function namesOf({ model, stored }: LoadedModel<VimConfig>): string[] {
  const { classNames = [] } = (stored.config["data"] ?? {}) as { classNames?: readonly string[] };
  return Array.from({ length: model.classes }, (_, i) => classNames[i] ?? String(i));
}

function tokenizerPath({ stored }: LoadedModel<VimConfig>, given: string | undefined): string {
  const { tokenizer } = (stored.config["tokenizer"] ?? {}) as { tokenizer?: string };
  const found = given ?? tokenizer;
  if (found === undefined)
    throw new UsageError("--tokenizer: the model does not say where its tokenizer is; name the run");
  if (given === undefined && !existsSync(found))
    throw new UsageError(`--tokenizer: ${found}, where the model's tokenizer was, is gone; name the run`);
  return found;
}

/** The decoder must have the codebook and grid the VIM was trained on; an imported VIM may know no more than their sizes. */
function expectSameCodes({ stored, model }: LoadedModel<VimConfig>, tokenizer: LoadedModel<TokenizerConfig>): void {
  const { hash } = (stored.config["tokenizer"] ?? {}) as { hash?: string };
  const knows = hash !== undefined || stored.config.command !== "import";
  if (!knows) expectSizes(model, tokenizer);
  if (!knows || hash === tokenizer.hash) return;
  throw new FileError(
    `${tokenizer.stored.file}: its weights (${tokenizer.hash.slice(0, 12)}) are not those that made the codes this VIM ` +
      `of ${model.vocabulary} codes learned (${hash?.slice(0, 12)}); name the right run with --tokenizer`,
  );
}

async function expectFree(out: string, force: boolean): Promise<void> {
  if (force || !existsSync(out) || (await readdir(out)).length === 0) return;
  throw new UsageError(`${out} is not empty; --force replaces what is there, or name another folder`);
}
