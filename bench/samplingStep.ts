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
import { freeTensors } from "../lib/engine/freeTensors.js";
import { measurePeaks } from "../lib/engine/machineRates.js";
import { engineVersions, openEngine } from "../lib/engine/open.js";
import { writeHostTensors } from "../lib/files/hostTensors.js";
import { countParameters } from "../lib/nn/params.js";
import { randomParams } from "../lib/speed/randomParams.js";
import {
  drawOnce,
  randomRows,
  samplingFeeds,
  samplingSpecs,
  samplingStep,
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
if (values.export === undefined) await serve();
else await exportCheck(values.export);

async function serve(): Promise<void> {
  const rates = await measurePeaks(engine, RATE_RUNS); // first, since its matrices would count in the peak of memory
  const { program } = await compile({ givesUpConstants: true });
  const { rows, feeds } = underWay();
  freeTensors(rows);
  const boundSeconds = samplingBound(samplingWork(size), rates);
  const parameters = countParameters(samplingSpecs(size));
  let number = 0;
  await serveSteps(values, {
    ready: { size, parameters, threads, versions: engineVersions(engine), rates, boundSeconds },
    step: async () => (await drawOnce(program, size, { feeds, number: ++number }))[0]!,
  });
}

async function exportCheck(file: string): Promise<void> {
  const { program, weights } = await compile({ givesUpConstants: false });
  const { rows, feeds } = underWay();
  const { logits } = await program.run(feeds);
  await writeHostTensors(file, { ...weights, ...rows, code: feeds["code"]!, logits: logits! }, {});
}

/** @param givesUpConstants as `sample` does, whose weights are in memory once */
async function compile({ givesUpConstants }: { readonly givesUpConstants: boolean }) {
  const weights = randomParams(samplingSpecs(size), SEED);
  const { step, inputs } = samplingStep(size);
  const program = await engine.compile(step, { name: "sample step", inputs, constants: weights, givesUpConstants });
  return { program, weights };
}

/** What sequences under way have in their caches. */
function underWay() {
  const rows = randomRows(size, SEED);
  return { rows, feeds: samplingFeeds(size, rows) };
}
