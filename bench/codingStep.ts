/**
 * Times our encoding of images to codes, or decoding of codes to images, as `vitvq encode` and `decode` do it.
 *
 *     node dist/bench/codingStep.js [--coding encode|decode] [--image-size 256] [--patch-size 8] [--dim 512] [--depth 8]
 *         [--heads 8] [--codebook-size 8192] [--code-dim 32] [--batch 1] [--threads 2] [--warmup 3] [--steps 5]
 *         [--spin] [--serve | --export FILE]
 *
 * Prints JSON lines (see bench/serve.ts). `--export` writes weights, what goes in and what comes out, for the other side
 * to check itself against, and times nothing.
 */
import { parseArgs } from "node:util";
import { engineVersions, openEngine } from "../lib/engine/open.js";
import type { HostTensor } from "../lib/engine/types.js";
import { writeHostTensors } from "../lib/files/hostTensors.js";
import { codesPerImage, tokenizerOf } from "../lib/models/tokenizer.js";
import { countParameters, flattenSpecs } from "../lib/nn/params.js";
import { rngFrom, streamSeed } from "../lib/random.js";
import { createDecoder, createEncoder } from "../lib/sample/codec.js";
import { randomParams } from "../lib/speed/randomParams.js";
import { randomImages, stage1Model } from "../lib/speed/stage1.js";
import { CODING_OPTIONS, codingOf, codingSize, positiveInteger } from "./options.js";
import { SERVE_OPTIONS, serveSteps } from "./serve.js";

const SEED = 1;

const { values } = parseArgs({ options: { ...CODING_OPTIONS, ...SERVE_OPTIONS, export: { type: "string" } } });
const coding = codingOf(values.coding);
const size = codingSize(values);
const threads = positiveInteger("threads", values.threads);
const model = stage1Model(size);
const specs = flattenSpecs(tokenizerOf(model).spec);
const weights = randomParams(specs, SEED);
const engine = await openEngine("onnxruntime", { threads, spinning: values.spin });
const codec = { engine, model, weights, batchSize: size.batch };
const given = coding === "encode" ? images() : codes();
const run = await runner();
if (values.export === undefined) await serve();
else await exportCheck(values.export);

function images(): HostTensor {
  return randomImages(size, streamSeed(SEED, "images"));
}

function codes(): HostTensor {
  const rng = rngFrom(streamSeed(SEED, "codes"));
  const shape = [size.batch, codesPerImage(model)];
  const data = Int32Array.from({ length: size.batch * codesPerImage(model) }, () => rng.integer(size.codebookSize));
  return { dtype: "int32", shape, data };
}

async function runner(): Promise<() => Promise<Float32Array | Int32Array>> {
  if (coding === "encode") {
    const encoder = await createEncoder(codec);
    return () => encoder.encode(given.data as Float32Array);
  }
  const decoder = await createDecoder(codec);
  return () => decoder.decode(given.data as Int32Array);
}

async function serve(): Promise<void> {
  const part = coding === "encode" ? "encoder/" : "decoder/";
  const own = Object.fromEntries(Object.entries(specs).filter(([name]) => name.startsWith(part)));
  await serveSteps(values, {
    ready: { size, parameters: countParameters(own), threads, versions: engineVersions(engine) },
    step: async () => (await run())[0]!,
  });
}

async function exportCheck(file: string): Promise<void> {
  const data = await run();
  const shape =
    coding === "encode" ? [size.batch, codesPerImage(model)] : [size.batch, size.imageSize, size.imageSize, 3];
  const results: HostTensor = { dtype: coding === "encode" ? "int32" : "float32", shape, data };
  await writeHostTensors(file, { ...weights, [coding === "encode" ? "images" : "codes"]: given, results }, {});
}
