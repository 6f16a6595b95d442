/** The work of `export`: a tokenizer in, files that other programs run or load out. */
import { existsSync } from "node:fs";
import { rm, stat } from "node:fs/promises";
import path from "node:path";
import { exportStep } from "../../lib/engine/exportStep.js";
import { type OnnxValue, OPSET } from "../../lib/engine/onnx.js";
import { UsageError } from "../../lib/errors.js";
import { writeAtomically, writeJson } from "../../lib/files/atomic.js";
import { fileHash } from "../../lib/files/fileHash.js";
import { writeHostTensors } from "../../lib/files/hostTensors.js";
import { torchWeights } from "../../lib/models/foreign/torchWeights.js";
import { isConvolutional, type TokenizerConfig, tokenizerOf } from "../../lib/models/tokenizer.js";
import { type StandaloneStep, standaloneSteps } from "../../lib/sample/standaloneSteps.js";
import { formatBytes } from "../../lib/ui/format.js";
import type { options } from "../export.js";
import type { CommandContext } from "../support/command.js";
import { type LoadedModel, loadTokenizer } from "../support/models.js";
import { expectFolderPlace } from "../support/places.js";
import { version } from "../support/version.js";

type Context = CommandContext<typeof options>;
type Tokenizer = LoadedModel<TokenizerConfig>;

const [DESCRIPTION, WEIGHTS] = ["model.json", "model.safetensors"] as const;
const FILES = ["encoder.onnx", "quantizer.onnx", "decoder.onnx", WEIGHTS, DESCRIPTION];

export async function run(context: Context): Promise<void> {
  const { config, force, warn, log } = context;
  expectNoRun(config.out);
  await expectFolderPlace("--out", config.out, { force, what: "an export in it" });
  const tokenizer = await loadTokenizer(config.run, { checkpoint: config.checkpoint, warn });
  if (force) for (const name of FILES) await rm(path.join(config.out, name), { force: true });
  const onnx = config.format === "safetensors" ? undefined : await writeGraphs(config, tokenizer);
  const torch = config.format === "onnx" ? undefined : await writeWeights(config.out, tokenizer);
  if (torch?.reason !== undefined) log(`${WEIGHTS} has names of our own: ${torch.reason}`);
  const description = { ...factsOf(tokenizer), ...(onnx ? { onnx } : {}), ...(torch ? { torch } : {}) };
  await writeJson(path.join(config.out, DESCRIPTION), description);
  context.result({ out: config.out, ...description }, summary(config, description));
}

/** A file as `model.json` has it. */
type Written = { readonly bytes: number; readonly sha256: string };

type Graph = Written & {
  readonly inputs: Readonly<Record<string, Port>>;
  readonly outputs: Readonly<Record<string, Port>>;
  /** Kinds of nodes in it. */
  readonly operators: readonly string[];
};

type Port = { readonly type: string; readonly shape: OnnxValue["shape"]; readonly meaning: string };

async function writeGraphs({ out, batchSize }: Context["config"], { model, weights }: Tokenizer) {
  const files: Record<string, Graph> = {};
  for (const [name, step] of Object.entries(standaloneSteps(model, weights, batchSize)))
    files[`${name}.onnx`] = await writeGraph(path.join(out, `${name}.onnx`), step);
  return { opset: OPSET, batchSize, files };
}

async function writeGraph(file: string, { step, options }: StandaloneStep): Promise<Graph> {
  const { model, inputs, outputs, nodes } = exportStep(step, options);
  await writeAtomically(file, model);
  const operators = [...new Set(nodes.map(({ op }) => op))].sort();
  return { ...(await written(file)), inputs: portsOf(inputs), outputs: portsOf(outputs), operators };
}

const MEANINGS: Readonly<Record<string, string>> = {
  images: "pixels in [0, 1], channels last",
  latents: "what is quantized, tokens in raster order",
  codes: "indices of codewords, tokens in raster order",
  codewords: "what the decoder receives for the codes",
};

function portsOf(values: readonly OnnxValue[]): Record<string, Port> {
  return Object.fromEntries(
    values.map(({ name, type, shape }) => [name, { type, shape, meaning: MEANINGS[name] ?? name }]),
  );
}

async function writeWeights(out: string, { model, weights, hash }: Tokenizer) {
  const { layout, reason, tensors } = torchWeights(model, weights);
  const file = path.join(out, WEIGHTS);
  await writeHostTensors(file, tensors, { format: "pt", layout, tokenizer: hash });
  return {
    layout,
    ...(reason === undefined ? {} : { reason }),
    axes: `linear maps [to, from], convolutions [to, from, k, k]${layout === "vitvq" ? OWN_PATCHES : ""}`,
    tensors: Object.keys(tensors).length,
    files: { [WEIGHTS]: await written(file) },
  };
}

const OWN_PATCHES = "; pixels of a patch by row, column, channel";

async function written(file: string): Promise<Written> {
  return { bytes: (await stat(file)).size, sha256: await fileHash(file) };
}

function factsOf({ model, hash, stored }: Tokenizer) {
  const { imageSize, channels, codebookSize, codeDim } = model;
  return {
    vitvq: version(),
    source: path.resolve(stored.file),
    tokenizer: hash,
    architecture: isConvolutional(model) ? "CNN-VQGAN" : "ViT-VQGAN",
    imageSize,
    channels,
    grid: tokenizerOf(model).grid,
    codesPerToken: model.codeDepth ?? 1,
    codebookSize,
    codeDim,
    model,
  };
}

type Description = {
  readonly onnx?: { readonly files: Readonly<Record<string, Written>> };
  readonly torch?: { readonly layout: string; readonly files: Readonly<Record<string, Written>> };
};

function summary({ out, batchSize }: Context["config"], { onnx, torch }: Description): string {
  const list = (files: Readonly<Record<string, Written>>) =>
    Object.entries(files)
      .map(([name, { bytes }]) => `${name} (${formatBytes(bytes)})`)
      .join(", ");
  const parts = [
    ...(onnx ? [`${list(onnx.files)} for ${batchSize} ${batchSize === 1 ? "image" : "images"} at a time`] : []),
    ...(torch ? [`${list(torch.files)} with the names of ${torch.layout}`] : []),
  ];
  return `${out}: ${parts.join("; ")}; ${DESCRIPTION} says what goes in and comes out`;
}

/** A run's own model has the name of one that is exported. */
function expectNoRun(out: string): void {
  if (!existsSync(path.join(out, "config.json"))) return;
  throw new UsageError(`--out: ${out} is a run, whose model would be replaced; name another folder`);
}
