import { suite } from "uvu";
import * as assert from "uvu/assert";
import { parameterCounts, tokenizerTask } from "../../../commands/run/tokenizerTask.js";
import { resolveConfig } from "../../../commands/support/resolve.js";
import { tokenizerPresets } from "../../../commands/support/tokenizerPresets.js";
import { options, type TrainVqConfig } from "../../../commands/trainVq.js";
import { createOnnxEngine } from "../../../lib/engine/onnxruntime.js";
import { perceptualSpec } from "../../../lib/losses/perceptual.js";
import { discriminatorOf } from "../../../lib/models/discriminator.js";
import { codeGrid, codesPerImage, isConvolutional, tokenizerOf } from "../../../lib/models/tokenizer.js";
import { flattenSpecs, initialise } from "../../../lib/nn/params.js";
import { rngFrom } from "../../../lib/random.js";
import { DISCRIMINATOR, GRADIENT, MODEL, underPrefix, withPrefix } from "../../../lib/train/named.js";
import { compilePlan, tokenizerPlan } from "../../../lib/train/plans.js";

const test = suite("commands/support/tokenizerPresets");

type Preset = keyof typeof tokenizerPresets;
const NAMES = Object.keys(tokenizerPresets) as Preset[];

const configOf = (name: Preset, values: Record<string, unknown> = {}): TrainVqConfig =>
  resolveConfig(options, [
    { origin: { kind: "flag" }, values },
    { origin: { kind: "preset", name }, values: tokenizerPresets[name] },
  ]).config;

const VGG = { widths: [4, 4, 4, 4, 4], form: "lpips" } as const;
const perceptual = { config: VGG, weights: initialise(flattenSpecs(perceptualSpec(VGG)), 3) };

/** Of the sizes: tokens a side, codes and their width, millions of numbers in encoder and decoder. */
const SIZES: Record<Preset, readonly [side: number, codes: number, width: number, encoder: number, decoder: number]> = {
  tiny: [8, 512, 8, 0.9, 0.9],
  small: [32, 8192, 32, 27, 27],
  "small-16x16": [16, 8192, 32, 28, 28],
  base: [32, 8192, 32, 90, 90],
  "small-large": [32, 8192, 32, 27, 640],
  large: [32, 8192, 32, 640, 640],
  representation: [32, 8192, 32, 27, 27],
  cnn: [32, 8192, 32, 26, 38],
  "cnn-x2": [32, 8192, 32, 104, 152],
  "vqgan-1024": [16, 1024, 256, 29, 42],
  "vqgan-16384": [16, 16384, 256, 29, 42],
  "vq-vae": [32, 512, 64, 26, 38],
};

for (const name of NAMES)
  test(`${name} has its grid, codes and size`, () => {
    const task = tokenizerTask(configOf(name), perceptual);
    const [side, codes, width, encoder, decoder] = SIZES[name];
    assert.equal(codeGrid(task.model), [side, side]);
    assert.equal([task.model.codebookSize, task.model.codeDim], [codes, width]);
    const counts = parameterCounts(task);
    for (const [got, want] of [
      [counts.encoder / 1e6, encoder],
      [counts.decoder / 1e6, decoder],
    ] as const)
      assert.ok(Math.abs(got / want - 1) < 0.06, `${name}: want about ${want} M, got ${got} M`);
    assert.is(isConvolutional(task.model), /cnn|vqgan|vq-vae/.test(name));
  });

/** Losses that a system reports; every system reports its commitment. */
const LOSSES: Partial<Record<Preset, readonly string[]>> = {
  representation: ["codebook", "discriminator", "generator", "l2", "logitLaplace"],
  "vqgan-1024": ["adaptive", "codebook", "discriminator", "generator", "l1", "l2", "perceptual"],
  "vqgan-16384": ["adaptive", "codebook", "discriminator", "generator", "l1", "l2", "perceptual"],
  "vq-vae": ["codebook", "l2"],
};
const PAPER = ["codebook", "discriminator", "generator", "l2", "logitLaplace", "perceptual"];

/** The same networks, narrow and shallow, on images a quarter of their size, which VGG-16 wants at 16 pixels. */
const REDUCED = {
  vit: { encoderDim: 16, encoderDepth: 2, encoderHeads: 2, decoderDim: 16, decoderDepth: 2, decoderHeads: 2 },
  cnn: { cnnWidth: 8, cnnGroups: 4, cnnBlocks: 1, cnnLatentDim: 8 },
} as const;

const engine = await createOnnxEngine({ threads: 1 });

for (const name of NAMES)
  test(`a step of ${name}, reduced, has the losses of its system and a gradient for all that is trained`, async () => {
    const full = configOf(name);
    const given = full.perceptualWeight === 0 ? {} : { vgg: "vgg16.pth" };
    const config = configOf(name, {
      ...given,
      ...REDUCED[full.architecture],
      imageSize: Math.max(16, full.imageSize / 4),
      discriminatorScale: 1 / 64,
    });
    const task = tokenizerTask(config, config.perceptualWeight === 0 ? undefined : perceptual);
    const smaller = (full.imageSize / config.imageSize) ** 2;
    assert.is(smaller * codesPerImage(task.model), codesPerImage(tokenizerTask(full, perceptual).model));
    const adversarial = task.weights.adversarial > 0;
    const plan = tokenizerPlan(task, { adversarial, quantized: true }, 1);
    const images = { dtype: "float32", shape: [1, config.imageSize, config.imageSize, 3] } as const;
    const rng = rngFrom(1);
    const data = Float32Array.from({ length: config.imageSize ** 2 * 3 }, () => rng.uniform());
    const program = await compilePlan(engine, plan);
    const results = await program.run({
      ...withPrefix(MODEL, initialise(flattenSpecs(tokenizerOf(task.model).spec), 1)),
      ...(adversarial
        ? withPrefix(DISCRIMINATOR, initialise(flattenSpecs(discriminatorOf(task.discriminator).spec), 2))
        : {}),
      images: { ...images, data },
    });
    await program.dispose();
    const losses = Object.keys(results).filter((key) => !/^(codes|latents|loss|commitment)$|^gradient\//.test(key));
    assert.equal(losses.sort(), LOSSES[name] ?? PAPER);
    for (const key of [...losses, "loss"]) assert.ok(Number.isFinite(results[key]!.data[0]), key);
    const gradients = underPrefix(GRADIENT, results);
    const idle = Object.keys(gradients).filter((key) => gradients[key]!.data.every((value) => value === 0));
    // Averages move that codebook; and hinge losses of logits within their margins do not feel a shift of all of them.
    const still = [
      ...(config.codebookUpdate === "ema" ? ["model/quantizer/codebook"] : []),
      ...(adversarial && config.adversarialForm === "hinge" ? ["discriminator/logits/bias"] : []),
    ];
    assert.equal(idle.filter((key) => !/\/key\/bias$/.test(key)).sort(), still);
  });

test.run();
