/**
 * Times our train step: forward and backward of a Transformer stack, and the AdamW update when asked for.
 *
 *     node dist/bench/trainStep.js [--tokens 1024] [--dim 512] [--depth 8] [--heads 8] [--batch 1] [--threads 2]
 *         [--update none|adamw] [--warmup 3] [--steps 5] [--serve | --export FILE]
 *
 * Prints JSON lines (see bench/serve.ts). `--export` writes weights, data and gradients for the other side to check
 * itself against, and times nothing.
 */
import { parseArgs } from "node:util";
import { freeTensors } from "../lib/engine/freeTensors.js";
import { engineVersions, openEngine } from "../lib/engine/open.js";
import type { HostTensor, NamedHostTensors } from "../lib/engine/types.js";
import { UsageError } from "../lib/errors.js";
import { writeHostTensors } from "../lib/files/hostTensors.js";
import { countParameters } from "../lib/nn/params.js";
import { adamWUpdate, zeroMoments } from "../lib/train/adamW.js";
import { scalarOf } from "../lib/train/named.js";
import { compileInParts } from "./inParts.js";
import { positiveInteger, STACK_OPTIONS, stackSize } from "./options.js";
import { SERVE_OPTIONS, serveSteps } from "./serve.js";
import {
  gradientStep,
  gradientStepOptions,
  initialInputs,
  parameterGradients,
  type StackSize,
  stackParams,
} from "./trainStack.js";

/** Also in pytorch/train_step.py; the betas and the decay are those of VIM. */
const ADAMW = { rate: 1e-3, beta1: 0.9, beta2: 0.96, epsilon: 1e-8, weightDecay: 4.5e-2, gradientScale: 1 };
const SEED = 1;
/** Updates whose losses the other side must reproduce. */
const CHECKED_UPDATES = 3;

type Result = { loss: number; results: NamedHostTensors };

/** A model in training: `gradients` runs the graph, `update` moves the parameters by what it returned. */
type Training = {
  inputs: { params: NamedHostTensors; data: NamedHostTensors };
  lanes: number;
  gradients(): Promise<Result>;
  update(results: NamedHostTensors): void;
  versions: Record<string, string>;
};

const { values } = parseArgs({
  options: {
    ...STACK_OPTIONS,
    ...SERVE_OPTIONS,
    update: { type: "string", default: "none" },
    export: { type: "string" },
  },
});
if (values.update !== "none" && values.update !== "adamw")
  throw new UsageError(`--update: want none or adamw, got "${values.update}"`);

const size = stackSize(values);
const training = await startTraining(size, positiveInteger("threads", values.threads));
if (values.export === undefined) await serve(training);
else await exportCheck(training, values.export);

async function startTraining(stack: StackSize, threads: number): Promise<Training> {
  const engine = await openEngine("onnxruntime", { threads, spinning: values.spin });
  const specs = stackParams(stack);
  const batchSize = stack.batch;
  const program = await compileInParts(engine, { batchSize, parameters: countParameters(specs) }, (batch) => {
    const part = { ...stack, batch };
    return { step: gradientStep(part), options: gradientStepOptions(part) };
  });
  const inputs = initialInputs(stack, SEED);
  const moments = values.update === "adamw" || values.export !== undefined ? zeroMoments(inputs.params) : undefined;
  let updates = 0;
  return {
    inputs,
    lanes: program.lanes,
    versions: engineVersions(engine),
    gradients: async () => {
      const results = await program.run(inputs.params, inputs.data);
      return { loss: scalarOf(results, "loss"), results };
    },
    update: (results) => {
      if (!moments) throw new Error("this training was started without moments");
      const state = { params: inputs.params, moments, specs };
      adamWUpdate(state, parameterGradients(stack, results), { ...ADAMW, step: ++updates });
    },
  };
}

async function serve({ gradients, update, lanes, versions }: Training): Promise<void> {
  const parameters = countParameters(stackParams(size));
  const step = async () => {
    const { loss, results } = await gradients();
    if (values.update === "adamw") update(results);
    freeTensors(results);
    return loss;
  };
  await serveSteps(values, { ready: { size, parameters, threads: Number(values.threads), lanes, versions }, step });
}

async function exportCheck({ inputs, lanes, gradients, update }: Training, file: string): Promise<void> {
  const before = structuredClone({ ...inputs.params, ...inputs.data });
  const first = await gradients();
  const losses = [first.loss];
  update(first.results);
  for (let i = 1; i < CHECKED_UPDATES; i++) {
    const { loss, results } = await gradients();
    losses.push(loss);
    update(results);
  }
  losses.push((await gradients()).loss);
  const { loss: _, tokenGradient, ...gradientsBefore } = first.results;
  const { shape, data } = tokenGradient!; // of the mean over a lane's part
  const byTokens: HostTensor = { dtype: "float32", shape, data: Float32Array.from(data, (value) => value / lanes) };
  const everything = { ...before, ...gradientsBefore, "gradient/tokens": byTokens };
  await writeHostTensors(file, everything, { losses: JSON.stringify(losses) });
}
