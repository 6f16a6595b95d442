/** Time and memory of `encode` as images go by: its own loop, on tiny images made as they are asked for, by a tiny tokenizer. */
import { encodeAll } from "../commands/run/encode.js";
import { NO_AUGMENT } from "../lib/data/augment.js";
import type { ImageSource } from "../lib/data/source.js";
import { openEngine } from "../lib/engine/open.js";
import { createTokenFile } from "../lib/files/tokenWriter.js";
import { codeGrid, tokenizerOf } from "../lib/models/tokenizer.js";
import type { VitVqganConfig } from "../lib/models/vitVqgan.js";
import { flattenSpecs, initialise } from "../lib/nn/params.js";
import { hash32 } from "../lib/random.js";
import { createEncoder } from "../lib/sample/codec.js";
import { median } from "../lib/speed/statistics.js";
import { liveBytes } from "./liveBytes.js";

/** The stretch of images up to a number: medians over many parts of it. */
export type Stretch = {
  readonly images: number;
  /** Of an image, by the clock and of processors. */
  readonly seconds: number;
  readonly processorSeconds: number;
  readonly rss: number;
  /** Bytes of JavaScript's heap and of arrays outside of it that are in use at the end, all garbage collected. */
  readonly live: number;
};

const SIDE = 8;
const STACK = { dim: 8, depth: 1, heads: 2, mlpDim: 16 };
const MODEL: VitVqganConfig = {
  imageSize: SIDE,
  channels: 1,
  patchSize: 4,
  encoder: STACK,
  decoder: STACK,
  codebookSize: 64,
  codeDim: 4,
  l2Norm: true,
  commitment: 0.25,
  straightThrough: "normalized",
  vqReduction: "mean",
  head: "tanh",
  positions: "sincos",
  logitLaplace: false,
};

/**
 * Encodes as many images as the last mark says.
 * @param marks where stretches end, ascending
 * @param file the token file to write
 */
export async function encodeGrowth(file: string, marks: readonly number[], threads: number): Promise<Stretch[]> {
  const images = marks.at(-1)!;
  const engine = await openEngine("onnxruntime", { threads });
  const [config, batchSize] = [{ views: 1, seed: 0, strict: false }, 32];
  const weights = initialise(flattenSpecs(tokenizerOf(MODEL).spec), 1);
  const encoder = await createEncoder({ engine, model: MODEL, weights, batchSize });
  const header = {
    vocabulary: MODEL.codebookSize,
    grid: codeGrid(MODEL),
    tokenizerHash: "0".repeat(64),
    source: "simulated",
  };
  const watch = watchImages(marks);
  await encodeAll(
    { config },
    {
      source: simulatedSource(images),
      tokenizer: { model: MODEL },
      images,
      augment: NO_AUGMENT,
      encoder,
      batchSize,
      file: await createTokenFile(file, header),
      reporter: { bar: () => ({ update: watch.note, stop() {} }), warn() {} },
    },
  );
  await encoder.close();
  return marks.map((mark, i) => ({ ...watch.stretch({ from: marks[i - 1] ?? 0, to: mark }), live: watch.live[i]! }));
}

/** Noise images of one of ten classes, made anew every time. */
function simulatedSource(count: number): ImageSource {
  return {
    path: "simulated",
    kind: "classes",
    count,
    classNames: Array.from({ length: 10 }, (_, i) => `class ${i}`),
    ignored: { files: 0, pictures: 0, folders: [] },
    label: (i) => i % 10,
    name: (i) => `image ${i}`,
    input: (i) => ({
      pixels: Uint8Array.from({ length: SIDE * SIDE }, (_, at) => hash32(at, i) & 255),
      width: SIDE,
      height: SIDE,
      channels: 1,
    }),
  };
}

type Sample = Omit<Stretch, "live">;

/** Takes a sample ten times until the first mark and as often after it, and counts what lives at marks; seconds are those since the start. */
function watchImages(marks: readonly number[]) {
  const every = marks[0]! / 10;
  const samples: Sample[] = [];
  const live: number[] = [];
  let next = 0;
  const note = (images: number): void => {
    if (images >= next) samples.push(sampleAt(images));
    if (images >= next) next = images + every;
    if (images >= (marks[live.length] ?? Number.POSITIVE_INFINITY)) live.push(liveBytes());
  };
  return { note, live, stretch: (part: Part) => stretchOf(samples, part) };
}

function sampleAt(images: number): Sample {
  const { user, system } = process.cpuUsage();
  const { rss } = process.memoryUsage();
  return { images, seconds: performance.now() / 1000, processorSeconds: (user + system) / 1e6, rss };
}

type Part = { readonly from: number; readonly to: number };

function stretchOf(samples: readonly Sample[], { from, to }: Part): Sample {
  const some = samples.filter(({ images }) => images >= from && images <= to);
  const ofImage = (name: "seconds" | "processorSeconds") =>
    median(some.slice(1).map((now, i) => (now[name] - some[i]![name]) / (now.images - some[i]!.images)));
  return {
    images: to,
    seconds: ofImage("seconds"),
    processorSeconds: ofImage("processorSeconds"),
    rss: median(some.map(({ rss }) => rss)),
  };
}
