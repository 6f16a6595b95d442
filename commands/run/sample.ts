/** The work of `sample`: codes drawn class by class, decoded, written as PNGs with a grid and an index. */
import { existsSync } from "node:fs";
import { mkdir, readdir } from "node:fs/promises";
import path from "node:path";
import { openEngine } from "../../lib/engine/open.js";
import type { Engine } from "../../lib/engine/types.js";
import { FileError, UsageError } from "../../lib/errors.js";
import { writeAtomically, writeJson } from "../../lib/files/atomic.js";
import { codesPerImage, type TokenizerConfig } from "../../lib/models/tokenizer.js";
import { noClass, sequenceLength, type VimConfig } from "../../lib/models/vim.js";
import { streamSeed } from "../../lib/random.js";
import { createDecoder } from "../../lib/sample/codec.js";
import { createSampler } from "../../lib/sample/sampler.js";
import { encodePng } from "../../lib/ui/canvas.js";
import { formatDuration, formatInteger } from "../../lib/ui/format.js";
import { classGrid } from "../../lib/ui/gridCompositions.js";
import { imageGrid } from "../../lib/ui/imageGrid.js";
import type { Reporter } from "../../lib/ui/progress.js";
import type { options, SampleConfig } from "../sample.js";
import type { CommandContext } from "../support/command.js";
import { numberedName, writeImage } from "../support/images.js";
import { expectSizes, type LoadedModel, loadTokenizer, loadVim } from "../support/models.js";
import { didYouMean } from "../support/nearest.js";
import { openReporter } from "../support/reporter.js";
import { candidatesFor, confidences, openRejection, type Rejection, surest } from "./sampleRejection.js";

type Context = CommandContext<typeof options>;

/** One image to draw. */
type Plan = { readonly classId: number; readonly seed: number };

/** An image that was drawn, with the probability of its class where a classifier was asked. */
type DrawnImage = Plan & { readonly confidence?: number };

const PER_CLASS = 10;
const GRID_COLUMNS = 10;

export async function run(context: Context): Promise<void> {
  const { config, dryRun, force, result } = context;
  const vim = await loadVim(config.vim, { checkpoint: config.checkpoint });
  const tokenizer = await loadTokenizer(tokenizerPath(vim, config.tokenizer), { checkpoint: config.checkpoint });
  expectSameCodes(vim, tokenizer);
  const classNames = namesOf(vim);
  const shares = sharesOf(config, vim.model, classNames);
  const rejection = await rejectionOf(context, { classNames, shares, tokenizerHash: tokenizer.hash });
  const plans = planImages(config.seed, shares, rejection);
  const kept = sum(shares.values());
  const all = rejection ? ` and keep ${formatInteger(kept)}` : "";
  if (dryRun)
    return result(
      { dryRun: true, images: kept, drawn: plans.length },
      `would draw ${formatInteger(plans.length)} images${all}`,
    );
  await expectFree(config.out, force);
  const reporter = await openReporter(context);
  try {
    const engine = await openEngine(config.engine, config.threads === undefined ? {} : { threads: config.threads });
    const began = performance.now();
    const drawn = await drawCodes(config, { vim, plans, engine, reporter });
    const best = rejection ? await reject(rejection, { drawn, shares, engine, config }) : drawn;
    const images = await decoded(best.codes, { tokenizer, engine, batchSize: config.batchSize });
    const seconds = (performance.now() - began) / 1000;
    await write(context, { images, drawn: best.images, classNames, tokenizer: tokenizer.model, rejection });
    const codes = plans.length * sequenceLength(vim.model);
    result(
      { out: config.out, images: kept, drawn: plans.length, seconds, codesPerSecond: codes / seconds },
      `${config.out}: ${formatInteger(kept)} images${rejection ? ` of ${formatInteger(plans.length)} drawn` : ""} in ` +
        `${formatDuration(seconds)}, ${formatInteger(Math.round(codes / seconds))} codes/s; see grid.png and index.json`,
    );
  } finally {
    reporter.stop();
  }
}

type Wanted = {
  readonly classNames: readonly string[];
  readonly shares: ReadonlyMap<number, number>;
  readonly tokenizerHash: string;
};

async function rejectionOf({ config, origins }: Context, wanted: Wanted): Promise<Rejection | undefined> {
  const { rejectWith, acceptance } = config;
  if (rejectWith !== undefined)
    return openRejection({ rejectWith, acceptance }, { ...wanted, classIds: [...wanted.shares.keys()] });
  if (origins.acceptance?.kind === "flag")
    throw new UsageError("--acceptance: changes nothing here; it wants --reject-with. Leave it out");
  return undefined;
}

/** Codes [N, T] of images in the order of their plans. */
type Codes = { readonly images: readonly DrawnImage[]; readonly codes: Int32Array };

type Drawing = {
  vim: LoadedModel<VimConfig>;
  plans: readonly Plan[];
  engine: Engine;
  reporter: Reporter;
};

async function drawCodes(config: SampleConfig, { vim, plans, engine, reporter }: Drawing): Promise<Codes> {
  const { temperature, topK, topP } = config;
  const batchSize = Math.min(config.batchSize, plans.length);
  const T = sequenceLength(vim.model);
  const sampler = await createSampler({ engine, model: vim.model, weights: vim.weights, batchSize });
  const all = new Int32Array(plans.length * T);
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
    all.set(codes.subarray(0, part.length * T), done * T);
  }
  bar.stop();
  await sampler.close();
  return { images: plans, codes: all };
}

type Rejecting = {
  readonly drawn: Codes;
  readonly shares: ReadonlyMap<number, number>;
  readonly engine: Engine;
  readonly config: SampleConfig;
};

/** The images that the classifier is surest of. */
async function reject(rejection: Rejection, { drawn, shares, engine, config }: Rejecting): Promise<Codes> {
  const classIds = drawn.images.map(({ classId }) => classId);
  const batchSize = Math.min(config.batchSize, classIds.length);
  const confidence = await confidences(rejection, { codes: drawn.codes, classIds }, { engine, batchSize });
  const kept = surest(classIds, confidence, shares);
  const T = drawn.codes.length / classIds.length;
  const codes = new Int32Array(kept.length * T);
  for (const [to, from] of kept.entries()) codes.set(drawn.codes.subarray(from * T, (from + 1) * T), to * T);
  return { images: kept.map((i) => ({ ...drawn.images[i]!, confidence: confidence[i]! })), codes };
}

type Decoding = { tokenizer: LoadedModel<TokenizerConfig>; engine: Engine; batchSize: number };

/** Images [N, H, W, C] of codes [N, T]. */
async function decoded(codes: Int32Array, { tokenizer, engine, batchSize }: Decoding): Promise<Float32Array> {
  const { model, weights } = tokenizer;
  const images = codes.length / codesPerImage(model);
  const decoder = await createDecoder({ engine, model, weights, batchSize: Math.min(batchSize, images) });
  try {
    return await decoder.decode(codes);
  } finally {
    await decoder.close();
  }
}

type Drawn = {
  images: Float32Array;
  drawn: readonly DrawnImage[];
  classNames: readonly string[];
  tokenizer: TokenizerConfig;
  rejection: Rejection | undefined;
};

async function write({ config }: Context, { images, drawn, classNames, tokenizer, rejection }: Drawn): Promise<void> {
  const { imageSize, channels } = tokenizer;
  const size = { height: imageSize, width: imageSize, channels };
  const pixels = images.length / drawn.length;
  await mkdir(config.out, { recursive: true });
  for (const [i] of drawn.entries())
    await writeImage(path.join(config.out, numberedName(i)), images.subarray(i * pixels, (i + 1) * pixels), size);
  const labels = drawn.map(({ classId }) => classId);
  const conditional = labels.some((label) => label < classNames.length);
  const grid = conditional
    ? classGrid({ images, size, labels, classNames, perClass: GRID_COLUMNS })
    : imageGrid({ images, size, columns: GRID_COLUMNS });
  await writeAtomically(path.join(config.out, "grid.png"), await encodePng(grid));
  const { temperature, topK, topP, seed } = config;
  await writeJson(path.join(config.out, "index.json"), {
    images: drawn.map(({ classId, seed: own, confidence }, i) => ({
      file: numberedName(i),
      class: classId < classNames.length ? classId : null,
      className: classNames[classId] ?? null,
      seed: own,
      ...(confidence === undefined ? {} : { confidence }),
    })),
    filter: { temperature, topK, topP },
    ...(rejection ? { rejection: rejectionFacts(rejection) } : {}),
    seed,
    vim: path.resolve(config.vim),
  });
}

function rejectionFacts({ classifier, acceptance }: Rejection) {
  return { classifier: path.resolve(classifier.path), vim: classifier.vim.hash, acceptance };
}

/** How many images each class gets, in order of drawing. */
function sharesOf(config: SampleConfig, model: VimConfig, classNames: readonly string[]): Map<number, number> {
  const classIds = wantedClasses(config, model, classNames);
  const count = config.count ?? PER_CLASS * classIds.length;
  const shares = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const classId = classIds[Math.floor((i * classIds.length) / count)]!;
    shares.set(classId, (shares.get(classId) ?? 0) + 1);
  }
  return shares;
}

/** Which classes to draw, and from which stream each image comes. */
function planImages(seed: number, shares: ReadonlyMap<number, number>, rejection: Rejection | undefined): Plan[] {
  const classIds = [...shares].flatMap(([classId, count]) =>
    new Array<number>(rejection ? candidatesFor(count, rejection.acceptance) : count).fill(classId),
  );
  return classIds.map((classId, i) => ({ classId, seed: streamSeed(seed, "sample", i) }));
}

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);

function wantedClasses({ classes, unconditional }: SampleConfig, model: VimConfig, names: readonly string[]): number[] {
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
