/** Images to codes and codes to images, with weights built into the graphs as `encode` and `decode` have them. */
import { codesPerImage, tokenizerOf } from "../models/tokenizer.js";
import { flattenSpecs } from "../nn/params.js";
import { rngFrom, streamSeed } from "../random.js";
import { createDecoder, createEncoder, decoderPlan, encoderPlan } from "../sample/codec.js";
import { type Means, type Prepared, SEED } from "./measurement.js";
import { randomParams } from "./randomParams.js";
import { randomImages, stage1Model } from "./stage1.js";

/** Codes of a batch of noise. */
export async function encoding(means: Means): Promise<Prepared> {
  const codec = codecOf(means);
  const { batchSize } = codec;
  const noise = randomImages({ ...means.size.stage1, batch: batchSize }, streamSeed(SEED, "images"));
  const encoder = await createEncoder({ engine: await means.openEngine(), ...codec });
  const run = () => encoder.encode(noise.data as Float32Array);
  return { run, items: batchSize, unit: "images", plans: [encoderPlan(codec)], close: () => encoder.close() };
}

/** Images of a batch of random codes. */
export async function decoding(means: Means): Promise<Prepared> {
  const codec = codecOf(means);
  const { model, batchSize } = codec;
  const rng = rngFrom(streamSeed(SEED, "codes"));
  const codes = Int32Array.from({ length: batchSize * codesPerImage(model) }, () => rng.integer(model.codebookSize));
  const decoder = await createDecoder({ engine: await means.openEngine(), ...codec });
  const run = () => decoder.decode(codes);
  return { run, items: batchSize, unit: "images", plans: [decoderPlan(codec)], close: () => decoder.close() };
}

function codecOf({ size }: Means) {
  const model = stage1Model(size.stage1);
  const weights = randomParams(flattenSpecs(tokenizerOf(model).spec), SEED);
  return { model, weights, batchSize: size.codecBatch };
}
