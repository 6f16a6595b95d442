import { readFile } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { readHostTensors } from "../../lib/files/hostTensors.js";
import type { PerceptualConfig } from "../../lib/losses/perceptual.js";
import { perceptualWeights } from "../../lib/models/foreign/perceptualWeights.js";
import { fromPort } from "../../lib/models/foreign/portNames.js";
import { tokenizerOf } from "../../lib/models/tokenizer.js";
import { GRADIENT, MODEL, scalarOf, underPrefix, withPrefix } from "../../lib/train/named.js";
import { compilePlan, tokenizerPlan } from "../../lib/train/plans.js";
import type { TokenizerTask } from "../../lib/train/tokenizerSteps.js";
import { golden } from "../models/support/golden.js";
import { portDiscriminator } from "../models/support/portDiscriminator.js";
import { expectClose, fixture } from "../support.js";
import { move, type PortCheckpoint, PortTraining, portCheckpoint, portOptimizer } from "./portTraining.js";
import { engine } from "./support.js";

const test = suite("train/tokenizerGolden");

type GoldenTraining = {
  readonly adamw_mse_plus_qloss: { readonly before_each_step: readonly { mse: number; qloss: number }[] };
  readonly full_loss_steps: { readonly weights: GoldenWeights; readonly steps: readonly GoldenStep[] };
};

type GoldenWeights = Readonly<
  Record<"codebook" | "l1" | "l2" | "perceptual" | "adversarial" | "r1_gamma" | "r1_every", number>
>;

type GoldenStep = { step: number; min_argmin_margin_after: number; codes_after: number[] } & ReturnType<typeof logged>;

const trajectories = async () => JSON.parse(await readFile(fixture("golden", "losses.json"), "utf8")) as GoldenTraining;
const goldenImages = async () => (await golden(TINY)).images("in.image");

const TINY = "vitvq_tiny.safetensors";
const HEADS = { headDim: { encoder: 8, decoder: 8 } };
const PERCEPTUAL: PerceptualConfig = { widths: [4, 5, 6, 7, 8], form: "lpips" };
const BLOCKS = 3;

/** What all tasks share. This discriminator has 5, 8, 8, 8 channels at sides 32, 16, 8, 4; the port's has 6 at 16. */
const TASK = {
  discriminator: { kind: "stylegan", imageSize: 32, channels: 3, channelScale: 5 / 1024, maxChannels: 8 },
  adversarialForm: "logistic",
  revival: { quantizeFrom: 0, every: 0 },
} as const;

test("seven AdamW steps by the squared error and the VQ losses have the losses of the port", async () => {
  const { adamw_mse_plus_qloss: want } = await trajectories();
  const { tensors: stored } = await readHostTensors(fixture("golden", TINY));
  const { model, tensors } = fromPort(underPrefix("param.", stored), HEADS);
  const weights = { l1: 0, l2: 1, logitLaplace: 0, perceptual: 0, vq: 1, adversarial: 0 };
  const task: TokenizerTask = { ...TASK, model, weights, r1: { gamma: 0, every: 1 } };
  const images = await goldenImages();
  const plan = tokenizerPlan(task, { quantized: true, adversarial: false }, images.shape[0]!);
  const program = await compilePlan(await engine(), plan);
  const optimizer = portOptimizer(tensors, tokenizerOf(model).spec);
  assert.is(want.before_each_step.length, 7);
  for (const [step, { mse, qloss }] of want.before_each_step.entries()) {
    const found = await program.run({ ...withPrefix(MODEL, optimizer.params), images });
    const vq = scalarOf(found, "codebook") + scalarOf(found, "commitment");
    expectClose([scalarOf(found, "l2")], [mse], `squared error before step ${step}`, { relative: 2e-6 });
    expectClose([vq], [qloss], `VQ losses before step ${step}`, { relative: 2e-6 });
    move(optimizer, underPrefix(GRADIENT + MODEL, found));
  }
  await program.dispose();
});

/** Training by all losses from the golden checkpoint on. */
async function fullTraining({ tensors }: PortCheckpoint, given: GoldenWeights): Promise<PortTraining> {
  const { model, tensors: modelWeights } = fromPort(tensors, HEADS);
  const { l1, l2, perceptual, codebook, adversarial, r1_gamma, r1_every } = given;
  const task: TokenizerTask = {
    ...TASK,
    model,
    weights: { l1, l2, logitLaplace: 0, perceptual, vq: codebook, adversarial },
    perceptual: {
      config: PERCEPTUAL,
      weights: perceptualWeights({ vgg: { what: "vitvq_tiny.ckpt", tensors } }, PERCEPTUAL),
    },
    // The port penalises the slope by pixels in [0, 1], which is twice that by pixels in [-1, 1], squared.
    r1: { gamma: 4 * r1_gamma, every: r1_every },
  };
  const images = await goldenImages();
  return PortTraining.open(await engine(), { task, model: modelWeights, discriminator: critic(tensors), images });
}

/** The discriminator's part of named tensors. */
const critic = (named: NamedHostTensors) => portDiscriminator(underPrefix("loss.discriminator.", named), BLOCKS);

/** What the port logs in a step, under its names. */
function logged({ before, after, penalty }: Awaited<ReturnType<PortTraining["step"]>>, weights: GoldenWeights) {
  const [l2, perceptual] = [scalarOf(before, "l2"), scalarOf(before, "perceptual")];
  const absoluteError = scalarOf(before, "absoluteError");
  return {
    total_loss: scalarOf(before, "loss"),
    quant_loss: scalarOf(before, "codebook") + scalarOf(before, "commitment"),
    rec_loss: weights.l1 * absoluteError + weights.l2 * l2 + weights.perceptual * perceptual,
    loglaplace_loss: absoluteError, // so called there
    loggaussian_loss: l2,
    perceptual_loss: perceptual,
    g_loss: scalarOf(before, "generator"),
    disc_loss: scalarOf(after, "discriminator") + weights.r1_every * (penalty ?? 0),
    logits_real: scalarOf(after, "realLogit"),
    logits_fake: scalarOf(after, "fakeLogit"),
    ...(penalty === undefined ? {} : { r1_reg: (2 / weights.r1_gamma) * penalty }), // there without gamma / 2
  };
}

test("three steps of both networks by all losses have the port's losses, logits and codes", async () => {
  const { weights, steps } = (await trajectories()).full_loss_steps;
  const training = await fullTraining(await portCheckpoint(), weights);
  assert.is(steps.length, 3);
  for (const { step, codes_after, min_argmin_margin_after: _, ...want } of steps) {
    const found = await training.step(step % weights.r1_every === 0);
    const got = logged(found, weights);
    assert.equal(Object.keys(got).sort(), Object.keys(want).sort());
    for (const name of Object.keys(want) as (keyof typeof got)[])
      expectClose([got[name]!], [want[name]!], `step ${step}: ${name}`, { relative: 5e-6 });
    assert.equal([...found.after["codes"]!.data], codes_after, `codes after step ${step}`);
  }
  await training.close();
});

test("one step leaves every moment of both optimizers as the port's", async () => {
  const { weights } = (await trajectories()).full_loss_steps;
  const checkpoint = await portCheckpoint();
  const training = await fullTraining(checkpoint, weights);
  await training.step(true);
  const { tensors, moments } = checkpoint;
  for (const [kind, named] of Object.entries(moments)) {
    const model = fromPort({ ...tensors, ...named }, HEADS).tensors;
    for (const [optimizer, want] of [
      [training.model, model],
      [training.discriminator, critic(named)],
    ] as const) {
      const got = underPrefix(`it/${kind}/`, optimizer.state("it").tensors);
      assert.equal(Object.keys(got).sort(), Object.keys(want).sort());
      for (const [name, { data }] of Object.entries(want))
        expectClose(got[name]!.data, data, `${kind} moment of ${name}`, { relative: 1e-5 });
    }
  }
  await training.close();
});

test.run();
