/** Sampling: one further code of every sequence, in the middle of the sequence or, on a device, from there on. */
import type { Engine, NamedHostTensors } from "../engine/types.js";
import { UsageError } from "../errors.js";
import { noClass, sequenceLength } from "../models/vim.js";
import { rngFrom } from "../random.js";
import { createDecoder } from "../sample/decoding.js";
import { PLAIN_SAMPLING } from "../sample/draw.js";
import { int32 } from "../sample/tensors.js";
import type { Plan } from "../train/plans.js";
import { type Means, type Prepared, SEED } from "./measurement.js";
import { randomParams } from "./randomParams.js";
import {
  drawOnce,
  randomRows,
  type SamplingSize,
  samplingFeeds,
  samplingModel,
  samplingSpecs,
  samplingStep,
  samplingWork,
} from "./sampling.js";

type Timed = Pick<Prepared, "run" | "close">;

/**
 * A step for `batch` sequences, as many codes of each there as are still to come, since a step takes longer with each. On a device
 * a run has up to twice as many there; multiply-adds and the bound are those of the first.
 */
export async function drawing({ size: { prior }, openEngine }: Means, batch: number): Promise<Prepared> {
  const model = samplingModel(prior);
  const size: SamplingSize = { ...prior, batch, filled: Math.floor(sequenceLength(model) / 2) };
  const feeds = samplingFeeds(size, randomRows(size, SEED));
  const { step, inputs } = samplingStep(size);
  const constants = randomParams(samplingSpecs(size), SEED);
  const engine = await openEngine();
  if (engine.repeated)
    throw new UsageError(
      `sample-${batch}: calls that draw many codes are not measured; vitvq sample tells codes/s on ${engine.device}`,
    );
  // Inputs of the sizes they have now: multiply-adds of open ones cannot be counted.
  const fixed = Object.entries(feeds).map(([name, { dtype, shape }]) => [name, { dtype, shape }] as const);
  const plan: Plan = { step, options: { name: "sample step", inputs: Object.fromEntries(fixed), constants } };
  const timed = engine.resident
    ? await sequencesUnderWay(engine, size, constants)
    : await oneStep(engine, size, { feeds, plan: { step, options: { name: "sample step", inputs, constants } } });
  return { ...timed, items: batch, unit: "codes", plans: [plan], work: samplingWork(size) };
}

/** The same step again and again. */
async function oneStep(
  engine: Engine,
  size: SamplingSize,
  { feeds, plan: { step, options } }: { readonly feeds: NamedHostTensors; readonly plan: Plan },
): Promise<Timed> {
  const program = await engine.compile(step, options);
  let number = 0;
  return {
    run: () => drawOnce(program, size, { feeds, number: ++number }),
    close: () => program.dispose(),
  };
}

/**
 * Codes of sequences of which the first half is given: keys and values that stay on the device grow with each. At the end of
 * the sequences others begin, and the run in which they do takes longer.
 */
async function sequencesUnderWay(engine: Engine, size: SamplingSize, weights: NamedHostTensors): Promise<Timed> {
  const { batch, vocabulary } = size;
  const model = samplingModel(size);
  const prefixLength = size.filled - 1; // what stands for the class comes before
  const decoder = await createDecoder({ engine, model, weights, batchSize: batch, prefixLength });
  const rng = rngFrom(SEED);
  const given = Int32Array.from({ length: batch * prefixLength }, () => rng.integer(vocabulary));
  const prompt = {
    classIds: int32([batch], new Int32Array(batch).fill(noClass(model))),
    ...(prefixLength > 0 ? { prefix: int32([batch, prefixLength], given) } : {}),
  };
  const seeds = Array.from({ length: batch }, (_, b) => b);
  const begin = () => decoder.decode(prompt, { seeds, filters: seeds.map(() => PLAIN_SAMPLING) });
  let codes = begin();
  const run = async () => {
    const next = await codes.next();
    if (!next.done) return;
    codes = begin();
    await codes.next();
  };
  const close = async () => {
    await codes.return();
    await decoder.close();
  };
  await run().catch(async (error: unknown) => {
    await close();
    throw error;
  });
  return { run, close };
}
