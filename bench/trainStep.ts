/**
 * Times our train step: forward and backward of a Transformer stack, and the AdamW update when asked for.
 *
 *     node dist/bench/trainStep.js [--tokens 1024] [--dim 512] [--depth 8] [--heads 8] [--batch 1] [--threads 2]
 *         [--update none|adamw] [--warmup 3] [--steps 5] [--serve | --export FILE]
 *
 * Prints JSON lines: `ready`, one `step` for each timed step, `done` after each group of steps, `end` with peak memory.
 * With `--serve` a group runs for each line `go` on standard input. `--export` writes weights, data and gradients for
 * the other side to check itself against, and times nothing.
 */
import { createInterface } from "node:readline";
import { parseArgs } from "node:util";
import { engineVersions, openEngine } from "../lib/engine/open.js";
import type { NamedHostTensors } from "../lib/engine/types.js";
import { UsageError } from "../lib/errors.js";
import { writeHostTensors } from "../lib/files/hostTensors.js";
import { countParameters } from "../lib/nn/params.js";
import { adamWUpdate, zeroMoments } from "../lib/train/adamW.js";
import { scalarOf } from "../lib/train/named.js";
import { positiveInteger, STACK_OPTIONS, stackSize } from "./options.js";
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
  gradients(): Promise<Result>;
  update(results: NamedHostTensors): void;
  versions: Record<string, string>;
};

const { values } = parseArgs({
  options: {
    ...STACK_OPTIONS,
    update: { type: "string", default: "none" },
    warmup: { type: "string", default: "3" },
    steps: { type: "string", default: "5" },
    serve: { type: "boolean", default: false },
    export: { type: "string" },
  },
});
if (values.update !== "none" && values.update !== "adamw")
  throw new UsageError(`--update: want none or adamw, got "${values.update}"`);

const size = stackSize(values);
const training = await startTraining(size, positiveInteger("threads", values.threads));
if (values.export === undefined) await serveSteps(training);
else await exportCheck(training, values.export);

async function startTraining(stack: StackSize, threads: number): Promise<Training> {
  const engine = await openEngine("onnxruntime", { threads });
  const program = await engine.compile(gradientStep(stack), gradientStepOptions(stack));
  const specs = stackParams(stack);
  const inputs = initialInputs(stack, SEED);
  const moments = values.update === "adamw" || values.export !== undefined ? zeroMoments(inputs.params) : undefined;
  let updates = 0;
  return {
    inputs,
    versions: engineVersions(engine),
    gradients: async () => {
      const results = await program.run({ ...inputs.params, ...inputs.data });
      return { loss: scalarOf(results, "loss"), results };
    },
    update: (results) => {
      if (!moments) throw new Error("this training was started without moments");
      const state = { params: inputs.params, moments, specs };
      adamWUpdate(state, parameterGradients(stack, results), { ...ADAMW, step: ++updates });
    },
  };
}

async function serveSteps({ gradients, update, versions }: Training): Promise<void> {
  const timedStep = async () => {
    const started = performance.now();
    const { loss, results } = await gradients();
    if (values.update === "adamw") update(results);
    return { loss, seconds: (performance.now() - started) / 1000 };
  };
  for (let i = 0; i < positiveInteger("warmup", values.warmup); i++) await timedStep();
  const parameters = countParameters(stackParams(size));
  print({ event: "ready", side: "vitvq", size, parameters, threads: Number(values.threads), versions });
  for await (const command of values.serve ? createInterface({ input: process.stdin }) : ["go"]) {
    if (command !== "go") break;
    const before = processorSeconds();
    for (let i = 0; i < positiveInteger("steps", values.steps); i++) print({ event: "step", ...(await timedStep()) });
    print({ event: "done", processorSeconds: processorSeconds() - before });
  }
  print({ event: "end", peakMemoryBytes: process.resourceUsage().maxRSS * 1024 });
}

async function exportCheck({ inputs, gradients, update }: Training, file: string): Promise<void> {
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
  const { loss: _, ...gradientsBefore } = first.results;
  await writeHostTensors(file, { ...before, ...gradientsBefore }, { losses: JSON.stringify(losses) });
}

/** Used by this process so far, all threads together. */
function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

function print(line: Record<string, unknown>): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
