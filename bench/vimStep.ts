/**
 * Times our step of stage 2 without its update: the loss and all gradients of a VIM.
 *
 *     node dist/bench/vimStep.js [--dim 768] [--depth 12] [--heads 12] [--vocabulary 8192] [--grid-side 32] [--batch 1]
 *         [--dropout 0] [--threads 2] [--warmup 3] [--steps 5] [--spin] [--serve | --export FILE]
 *
 * Prints JSON lines (see bench/serve.ts). `--export` writes weights, codes, loss and gradients for the other side to check
 * itself against, and times nothing.
 */
import { parseArgs } from "node:util";
import { engineVersions, openEngine } from "../lib/engine/open.js";
import type { HostTensor, NamedHostTensors } from "../lib/engine/types.js";
import { writeHostTensors } from "../lib/files/hostTensors.js";
import { sequenceLength, vimSpec } from "../lib/models/vim.js";
import { countParameters, flattenSpecs } from "../lib/nn/params.js";
import { rngFrom, streamSeed } from "../lib/random.js";
import { sizeOf } from "../lib/shapes.js";
import { randomParams } from "../lib/speed/randomParams.js";
import { samplingModel } from "../lib/speed/sampling.js";
import { GRADIENT, MODEL, scalarOf, withPrefix } from "../lib/train/named.js";
import { priorPlan } from "../lib/train/plans.js";
import { compileInParts, lossAlone } from "./inParts.js";
import { positiveInteger, VIM_OPTIONS, vimSize } from "./options.js";
import { SERVE_OPTIONS, serveSteps } from "./serve.js";

const SEED = 1;
const CLASSES = 1000; // also in bench/pytorch/vim_step.py

const { values } = parseArgs({
  options: {
    ...VIM_OPTIONS,
    ...SERVE_OPTIONS,
    dropout: { type: "string", default: "0" },
    export: { type: "string" },
  },
});
const dropout = Number(values.dropout);
const size = vimSize(values);
const threads = positiveInteger("threads", values.threads);
const model = { ...samplingModel(size), classes: CLASSES };
const specs = flattenSpecs(vimSpec(model));
let drawn = 0;
const engine = await openEngine("onnxruntime", { threads, spinning: values.spin });
const program = await compileInParts(
  engine,
  { batchSize: size.batch, parameters: countParameters(specs) },
  (batchSize) => priorPlan(model, { dropout, batchSize }),
);
const params = withPrefix(MODEL, randomParams(specs, SEED));
const data = batch();
if (values.export === undefined) await serve();
else await exportCheck(values.export);

function batch(): { codes: HostTensor; classIds: HostTensor } {
  const rng = rngFrom(streamSeed(SEED, "codes"));
  const int32 = (shape: readonly number[], below: number): HostTensor => ({
    dtype: "int32",
    shape,
    data: Int32Array.from({ length: sizeOf(shape) }, () => rng.integer(below)),
  });
  return {
    codes: int32([size.batch, sequenceLength(model)], model.vocabulary),
    classIds: int32([size.batch], CLASSES),
  };
}

/** Another one for every part of every step, where anything is dropped. */
function dropoutSeed(): Record<string, HostTensor> {
  if (dropout === 0) return {};
  return { dropoutSeed: { dtype: "int32", shape: [1], data: Int32Array.of(drawn++) } };
}

async function serve(): Promise<void> {
  await serveSteps(values, {
    ready: {
      size,
      parameters: countParameters(specs),
      threads,
      lanes: program.lanes,
      versions: engineVersions(engine),
    },
    step: async () => lossAlone(await program.run(params, data, dropoutSeed), "nll"),
  });
}

async function exportCheck(file: string): Promise<void> {
  const results = await program.run(params, data);
  const gradients: NamedHostTensors = {};
  for (const [name, tensor] of Object.entries(results)) if (name.startsWith(GRADIENT)) gradients[name] = tensor;
  await writeHostTensors(
    file,
    { ...params, ...data, ...gradients },
    { losses: JSON.stringify({ nll: scalarOf(results, "nll") }) },
  );
}
