/**
 * Times our step of sampling: one further code of every sequence, drawing it included.
 *
 *     node dist/bench/samplingStep.js [--dim 768] [--depth 12] [--heads 12] [--vocabulary 8192] [--grid-side 32]
 *         [--batch 8] [--filled 512] [--threads 2] [--warmup 3] [--steps 5] [--spin] [--serve | --export FILE]
 *
 * Prints JSON lines (see bench/serve.ts); `ready` says at what rates this machine reads and multiplies, and the bound that
 * they set. `--export` writes weights, caches and logits for the other side to check itself against, and times nothing.
 */
import { parseArgs } from "node:util";
import { measurePeaks } from "../lib/engine/machineRates.js";
import { engineVersions, openEngine } from "../lib/engine/open.js";
import type { Program } from "../lib/engine/types.js";
import { writeHostTensors } from "../lib/files/hostTensors.js";
import { countParameters } from "../lib/nn/params.js";
import { cachedStep } from "../lib/sample/cachedSteps.js";
import { randomParams } from "../lib/speed/randomParams.js";
import {
  drawOnce,
  randomRows,
  samplingFeeds,
  samplingModel,
  samplingSpecs,
  samplingWork,
} from "../lib/speed/sampling.js";
import { samplingBound } from "../lib/speed/samplingBound.js";
import { positiveInteger, SAMPLING_OPTIONS, samplingSize } from "./options.js";
import { SERVE_OPTIONS, serveSteps } from "./serve.js";

const SEED = 1;
const RATE_RUNS = 7;

const { values } = parseArgs({ options: { ...SAMPLING_OPTIONS, ...SERVE_OPTIONS, export: { type: "string" } } });
const size = samplingSize(values);
const threads = positiveInteger("threads", values.threads);
const engine = await openEngine("onnxruntime", { threads, spinning: values.spin });
const weights = randomParams(samplingSpecs(size), SEED);
const rows = randomRows(size, SEED);
const feeds = samplingFeeds(size, rows);
const cached = cachedStep(samplingModel(size), size.batch);
const program = await engine.compile(cached.step, { name: "sample step", inputs: cached.inputs, constants: weights });
if (values.export === undefined) await serve(program);
else await exportCheck(program, values.export);

async function serve(step: Program): Promise<void> {
  const rates = await measurePeaks(engine, RATE_RUNS);
  const boundSeconds = samplingBound(samplingWork(size), rates);
  const parameters = countParameters(samplingSpecs(size));
  let number = 0;
  await serveSteps(values, {
    ready: { size, parameters, threads, versions: engineVersions(engine), rates, boundSeconds },
    step: async () => (await drawOnce(step, size, { feeds, number: ++number }))[0]!,
  });
}

async function exportCheck({ run }: Program, file: string): Promise<void> {
  const { logits } = await run(feeds);
  await writeHostTensors(file, { ...weights, ...rows, code: feeds["code"]!, logits: logits! }, {});
}
