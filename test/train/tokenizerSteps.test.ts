import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { perceptualSpec } from "../../lib/losses/perceptual.js";
import { discriminatorOf } from "../../lib/models/discriminator.js";
import { tokenizerOf } from "../../lib/models/tokenizer.js";
import { flattenSpecs, initialise } from "../../lib/nn/params.js";
import { DISCRIMINATOR, inputSpecs, MODEL, scalarOf, underPrefix, withPrefix } from "../../lib/train/named.js";
import { compilePlan, tokenizerPlan } from "../../lib/train/plans.js";
import {
  r1Step,
  type TokenizerStepOptions,
  type TokenizerTask,
  type TokenizerWeights,
  tokenizerStep,
} from "../../lib/train/tokenizerSteps.js";
import { expectClose } from "../support.js";
import { ADVERSARIAL, BATCH, engine, imagesOf, TASK } from "./support.js";

const test = suite("train/tokenizerSteps");

const model = flattenSpecs(tokenizerOf(ADVERSARIAL.model).spec);
const critic = flattenSpecs(discriminatorOf(ADVERSARIAL.discriminator).spec);
const images = { dtype: "float32", shape: [BATCH, 8, 8, 1] } as const;
/** One layer that halves 8 pixels, then two that do not: a map of 2 x 2 logits. */
const PATCH = { kind: "patch", imageSize: 8, channels: 1, width: 4, layers: 1 } as const;

async function results(
  weights: Partial<TokenizerWeights>,
  kind: Partial<TokenizerStepOptions> = {},
  change: Partial<TokenizerTask> = {},
) {
  const task = { ...ADVERSARIAL, ...change, weights: { ...ADVERSARIAL.weights, ...weights } };
  const critic = flattenSpecs(discriminatorOf(task.discriminator).spec);
  const params = {
    ...withPrefix(MODEL, initialise(model, 1)),
    ...withPrefix(DISCRIMINATOR, initialise(critic, 2)),
  };
  const inputs = { ...inputSpecs(withPrefix(MODEL, model)), ...inputSpecs(withPrefix(DISCRIMINATOR, critic)), images };
  const step = tokenizerStep(task, { adversarial: true, quantized: true, ...kind });
  const program = await (await engine()).compile(step, { name: "step", inputs });
  const found = await program.run({ ...params, images: { ...images, data: imagesOf(0) } });
  await program.dispose();
  return found;
}

const gradientsOf = (found: NamedHostTensors, network: string) => underPrefix(`gradient/${network}`, found);
const flat = (gradients: NamedHostTensors) => Object.values(gradients).flatMap(({ data }) => [...data]);
const largest = (values: readonly number[]) => Math.max(...values.map(Math.abs));

test("losses are reported unweighted, their weighted sum as the loss", async () => {
  const weights = { l1: 0.5, l2: 2, logitLaplace: 0.25, perceptual: 0, vq: 3, adversarial: 0.75 };
  const [weighted, plain] = [await results(weights), await results({ l1: 1 })];
  const names = ["l1", "l2", "logitLaplace", "codebook", "commitment", "generator", "discriminator"];
  for (const name of names) expectClose([scalarOf(weighted, name)], [scalarOf(plain, name)], name, { relative: 1e-6 });
  const [l1, l2, ll, codebook, commitment, generator] = names.map((name) => scalarOf(weighted, name)) as number[];
  const sum = 0.5 * l1! + 2 * l2! + 0.25 * ll! + 3 * (codebook! + commitment!) + 0.75 * generator!;
  expectClose([scalarOf(weighted, "loss")], [sum], "loss", { relative: 1e-6 });
});

test("the discriminator's gradients come from its own loss: the generator's weight does not reach them", async () => {
  const [one, ten] = [await results({ adversarial: 1 }), await results({ adversarial: 10 })];
  const [a, b] = [flat(gradientsOf(one, DISCRIMINATOR)), flat(gradientsOf(ten, DISCRIMINATOR))];
  assert.ok(largest(a) > 1e-4);
  expectClose(b, a, "discriminator gradients", { relative: 1e-6 });
});

test("the tokenizer's gradients come from its losses alone, the adversarial part in proportion to its weight", async () => {
  const without = flat(gradientsOf(await results({}, { adversarial: false }), MODEL));
  const [one, two] = await Promise.all(
    [1, 2].map(async (adversarial) => flat(gradientsOf(await results({ adversarial }), MODEL))),
  );
  const parts = [one!, two!].map((gradients) => gradients.map((g, i) => g - without[i]!));
  assert.ok(largest(parts[0]!) > 1e-4);
  const doubled = parts[0]!.map((g) => 2 * g);
  expectClose(parts[1]!, doubled, "adversarial part of the gradients", { relative: 1e-4 });
});

test("without codewords the codebook gets no gradient and the VQ losses do not count, but are reported", async () => {
  const found = await results({}, { quantized: false, adversarial: false });
  const gradients = gradientsOf(found, MODEL);
  assert.is(largest([...gradients["quantizer/codebook"]!.data]), 0);
  assert.ok(largest([...gradients["encoder/latents/kernel"]!.data]) > 1e-5, "the encoder learns");
  const { l2, logitLaplace } = ADVERSARIAL.weights;
  const sum = l2 * scalarOf(found, "l2") + logitLaplace * scalarOf(found, "logitLaplace");
  expectClose([scalarOf(found, "loss")], [sum], "loss", { relative: 1e-6 });
  assert.ok(scalarOf(found, "codebook") > 0);
});

test("the encoder gets the decoder's gradient through the codewords", async () => {
  const found = await results({ vq: 0 }, { adversarial: false });
  assert.ok(largest([...gradientsOf(found, MODEL)["encoder/latents/kernel"]!.data]) > 1e-5);
  assert.is(largest([...gradientsOf(found, MODEL)["quantizer/codebook"]!.data]), 0);
});

test("the adaptive weight makes the generator pull on the last kernel as the reconstruction does", async () => {
  const pull = async (weights: Partial<TokenizerWeights>) =>
    Math.hypot(...gradientsOf(await results({ vq: 0, ...weights }), MODEL)["decoder/pixels/kernel"]!.data);
  const reconstruction = await pull({ adversarial: 0 });
  const generator = await pull({ l2: 0, logitLaplace: 0, adversarial: 1 });
  const plain = await results({});
  const found = await results({}, {}, { adaptive: true });
  const factor = reconstruction / (generator + 1e-4);
  expectClose([scalarOf(found, "adaptive")], [factor], "factor", { relative: 1e-4 });
  const added = (factor - 1) * ADVERSARIAL.weights.adversarial * scalarOf(plain, "generator");
  expectClose([scalarOf(found, "loss") - scalarOf(plain, "loss")], [added], "loss", { relative: 1e-3 });
  const without = await results({}, { adversarial: false }, { adaptive: true });
  assert.not.ok("adaptive" in without);
});

test("a PatchGAN's logits are judged one by one", async () => {
  const found = await results({}, {}, { discriminator: PATCH });
  assert.ok(scalarOf(found, "generator") > 0 && scalarOf(found, "discriminator") > 0);
  assert.ok(largest(flat(gradientsOf(found, DISCRIMINATOR))) > 1e-4);
});

test("the perceptual loss pulls on the image alone, in proportion to its weight", async () => {
  const model = { ...ADVERSARIAL.model, imageSize: 16 } as const;
  const config = { widths: [2, 3, 2, 3, 2], form: "lpips" } as const;
  const weights = initialise(flattenSpecs(perceptualSpec(config)), 5);
  const task = { ...TASK, model, perceptual: { config, weights } };
  const specs = flattenSpecs(tokenizerOf(model).spec);
  const data = Float32Array.from({ length: 2 * 16 * 16 }, (_, i) => 0.5 + 0.4 * Math.sin(i / 7));
  const gradients = async (perceptual: number) => {
    const weighted = { ...task, weights: { ...task.weights, perceptual } };
    const program = await compilePlan(
      await engine(),
      tokenizerPlan(weighted, { quantized: true, adversarial: false }, 2),
    );
    const feeds = { ...withPrefix(MODEL, initialise(specs, 1)), images: { ...images, shape: [2, 16, 16, 1], data } };
    const found = await program.run(feeds);
    await program.dispose();
    return found;
  };
  const [none, one, two] = [await gradients(0), await gradients(1), await gradients(2)];
  assert.not.ok("perceptual" in none);
  const value = scalarOf(one, "perceptual");
  assert.ok(value > 0);
  expectClose([scalarOf(one, "loss") - scalarOf(none, "loss")], [value], "loss", { relative: 1e-3 });
  const part = (found: NamedHostTensors) => {
    const without = flat(gradientsOf(none, MODEL));
    return flat(gradientsOf(found, MODEL)).map((g, i) => g - without[i]!);
  };
  assert.ok(largest(part(one)) > 1e-5);
  expectClose(
    part(two),
    part(one).map((g) => 2 * g),
    "gradients",
    { relative: 1e-3 },
  );
});

test("the R1 gradient is that of the penalty times its interval, the penalty is reported once", async () => {
  const compiled = async (every: number) => {
    const task = { ...ADVERSARIAL, r1: { gamma: 10, every } };
    const specs = { ...inputSpecs(withPrefix(DISCRIMINATOR, critic)), images };
    const program = await (await engine()).compile(r1Step(task), { name: "r1", inputs: specs });
    const critics = withPrefix(DISCRIMINATOR, initialise(critic, 2));
    const found = await program.run({ ...critics, images: { ...images, data: imagesOf(0) } });
    await program.dispose();
    return found;
  };
  const [once, four] = [await compiled(1), await compiled(4)];
  assert.ok(scalarOf(once, "r1") > 0);
  expectClose([scalarOf(four, "r1")], [scalarOf(once, "r1")], "penalty", { relative: 1e-5 });
  const want = flat(gradientsOf(once, DISCRIMINATOR)).map((g) => 4 * g);
  assert.ok(largest(want) > 0);
  expectClose(flat(gradientsOf(four, DISCRIMINATOR)), want, "gradients", { relative: 1e-5 });
});

test.run();
