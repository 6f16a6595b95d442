/**
 * Times our step of stage 1 without its updates: losses and all gradients of ViT-VQGAN, with `--losses full` those of the
 * discriminator as well.
 *
 *     node dist/bench/stage1Step.js [--losses ae|full] [--image-size 256] [--patch-size 8] [--dim 512] [--depth 8]
 *         [--heads 8] [--codebook-size 8192] [--code-dim 32] [--batch 1] [--discriminator-scale 1] [--vgg-scale 1]
 *         [--threads 2] [--warmup 3] [--steps 5] [--spin] [--serve | --export FILE]
 *
 * Prints JSON lines (see bench/serve.ts). `--export` writes weights, images, losses, codes and gradients for the other
 * side to check itself against, and times nothing.
 */
import { parseArgs } from "node:util";
import { engineVersions, openEngine } from "../lib/engine/open.js";
import type { NamedHostTensors } from "../lib/engine/types.js";
import { writeHostTensors } from "../lib/files/hostTensors.js";
import { countParameters } from "../lib/nn/params.js";
import { stage1Inputs, stage1Plan, stage1Specs, stage1Task } from "../lib/speed/stage1.js";
import { leastImages, type TokenizerTask } from "../lib/train/tokenizerSteps.js";
import { compileInParts, lossAlone } from "./inParts.js";
import { positiveInteger, STAGE1_OPTIONS, stage1Losses, stage1Size } from "./options.js";
import { SERVE_OPTIONS, serveSteps } from "./serve.js";

const SEED = 1;

const { values } = parseArgs({ options: { ...STAGE1_OPTIONS, ...SERVE_OPTIONS, export: { type: "string" } } });
const size = stage1Size(values);
const threads = positiveInteger("threads", values.threads);
const task = cappedTask(stage1Task(size, stage1Losses(values.losses), SEED));
const engine = await openEngine("onnxruntime", { threads, spinning: values.spin });
const program = await compileInParts(
  engine,
  {
    batchSize: size.batch,
    parameters: countParameters(stage1Specs(task)),
    leastImages: leastImages(task),
  },
  (batch) => stage1Plan(task, { ...size, batch }),
);
const { images, ...params } = stage1Inputs(task, size, SEED);
const run = () => program.run(params, { images: images! });
if (values.export === undefined) await serve();
else await exportCheck(values.export);

/** A smaller discriminator has its widest level smaller, too, as on the other side; at full size nothing changes. */
function cappedTask({ discriminator, ...rest }: TokenizerTask): TokenizerTask {
  if (discriminator.kind !== "stylegan") throw new RangeError("the other side has StyleGAN2's discriminator alone");
  return { ...rest, discriminator: { ...discriminator, maxChannels: Math.round(512 * size.discriminatorScale) } };
}

async function serve(): Promise<void> {
  const parameters = countParameters(stage1Specs(task));
  await serveSteps(values, {
    ready: { size, parameters, threads, lanes: program.lanes, versions: engineVersions(engine) },
    step: async () => lossAlone(await run(), "loss"),
  });
}

async function exportCheck(file: string): Promise<void> {
  const results = Object.entries(await run());
  const isLoss = ([, { shape }]: (typeof results)[number]) => shape.length === 0;
  const losses = Object.fromEntries(results.filter(isLoss).map(([name, { data }]) => [name, data[0]]));
  const tensors: NamedHostTensors = Object.fromEntries(results.filter((result) => !isLoss(result)));
  const { constants } = stage1Plan(task, size).options;
  const everything = { ...params, images: images!, ...constants, ...tensors };
  await writeHostTensors(file, everything, { losses: JSON.stringify(losses) });
}
