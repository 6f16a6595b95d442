/** Stage 1 in training as the public PyTorch port trains it, made of our steps and our optimizer. */
import * as tf from "@tensorflow/tfjs";
import type { Engine, HostTensor, NamedHostTensors, Program, Step } from "../../lib/engine/types.js";
import { stateDict } from "../../lib/files/torch/stateDict.js";
import { openTorchFile } from "../../lib/files/torch/torchCheckpoint.js";
import type { TorchTensor } from "../../lib/files/torch/torchTensor.js";
import { l1Loss } from "../../lib/losses/pixel.js";
import { discriminatorOf } from "../../lib/models/discriminator.js";
import { tokenizerOf } from "../../lib/models/tokenizer.js";
import { flattenSpecs, type ParamSpec, type SpecTree } from "../../lib/nn/params.js";
import { globalNorm } from "../../lib/train/adamW.js";
import { DISCRIMINATOR, GRADIENT, MODEL, scalarOf, underPrefix, withPrefix } from "../../lib/train/named.js";
import { Optimizer } from "../../lib/train/optimizer.js";
import { compilePlan, tokenizerPlan } from "../../lib/train/plans.js";
import type { TokenizerTask } from "../../lib/train/tokenizerSteps.js";
import { asOurs, gradientsAsTheirs } from "../models/support/portDiscriminator.js";
import { fixture } from "../support.js";

export type PortCheckpoint = {
  /** The state dict. */
  readonly tensors: NamedHostTensors;
  /** Moments of everything that an optimizer moves, under the names of the state dict. */
  readonly moments: { readonly first: NamedHostTensors; readonly second: NamedHostTensors };
};

/** What each of the port's two optimizers moves, in its order. */
const MOVED = [["encoder.", "decoder.", "pre_quant.", "post_quant.", "quantizer."], ["loss.discriminator."]];
const BUFFER = ".kernel"; // ends the names of the blur's kernels, which nothing moves

/** Everything of `vitvq_tiny.ckpt` that training goes by. */
export async function portCheckpoint(): Promise<PortCheckpoint> {
  const file = await openTorchFile(fixture("golden", "vitvq_tiny.ckpt"));
  const named = stateDict(file);
  const tensors: NamedHostTensors = {};
  for (const [name, tensor] of named) tensors[name] = await tensor.read();
  const moments = { first: {} as NamedHostTensors, second: {} as NamedHostTensors };
  const saved = (file.root as Map<string, Map<string, unknown>[]>).get("optimizer_states")!;
  for (const [i, prefixes] of MOVED.entries()) {
    const names = prefixes.flatMap((prefix) => [...named.keys()].filter((name) => name.startsWith(prefix)));
    const moved = names.filter((name) => !name.endsWith(BUFFER));
    for (const [place, state] of saved[i]!.get("state") as Map<number, Map<string, TorchTensor>>) {
      moments.first[moved[place]!] = await state.get("exp_avg")!.read();
      moments.second[moved[place]!] = await state.get("exp_avg_sq")!.read();
    }
  }
  await file.close();
  return { tensors, moments };
}

/** The port's optimizer: the rate is constant, and everything decays. */
export function portOptimizer(params: NamedHostTensors, tree: SpecTree): Optimizer {
  const specs: Record<string, ParamSpec> = {};
  for (const [name, spec] of Object.entries(flattenSpecs(tree))) specs[name] = { ...spec, decay: true };
  const options = {
    rule: "adamw",
    beta1: 0.9,
    beta2: 0.99,
    epsilon: 1e-8,
    weightDecay: 1e-4,
    clip: 0,
    ema: 0,
  } as const;
  return Optimizer.started(params, specs, { ...options, schedule: () => 1e-3 });
}

export function move(optimizer: Optimizer, gradients: NamedHostTensors): void {
  optimizer.update(gradients, { norm: globalNorm(gradients), step: 0 });
}

export type Start = {
  readonly task: TokenizerTask;
  /** By our names. */
  readonly model: NamedHostTensors;
  /** The port's weights by our names: `asOurs` makes ours of them at every step, for they are what AdamW must move. */
  readonly discriminator: NamedHostTensors;
  readonly images: HostTensor;
};

/** Both networks in training on one batch. */
export class PortTraining {
  readonly model: Optimizer;
  readonly discriminator: Optimizer;

  private constructor(
    private readonly start: Start,
    private readonly programs: { readonly main: Program; readonly r1: Program },
  ) {
    this.model = portOptimizer(start.model, tokenizerOf(start.task.model).spec);
    this.discriminator = portOptimizer(start.discriminator, discriminatorOf(start.task.discriminator).spec);
  }

  static async open(engine: Engine, start: Start): Promise<PortTraining> {
    const batchSize = start.images.shape[0]!;
    const { step, options } = tokenizerPlan(start.task, { quantized: true, adversarial: true }, batchSize);
    const observed = observe(start.task);
    const main = await engine.compile((inputs) => ({ ...step(inputs), ...observed(inputs) }), options);
    const r1 = await compilePlan(engine, tokenizerPlan(start.task, "r1", batchSize));
    return new PortTraining(start, { main, r1 });
  }

  /**
   * Moves the model, then the discriminator by what the moved model makes: the port's order.
   * @param penalised whether R1 counts in this step; it is added to the discriminator's loss, as in the port
   * @returns the results of our step before the model moved and after it, and those of the penalty
   */
  async step(penalised: boolean) {
    const before = await this.programs.main.run({ ...this.feeds(), ...this.critic() });
    move(this.model, underPrefix(GRADIENT + MODEL, before));
    const after = await this.programs.main.run({ ...this.feeds(), ...this.critic() });
    const { images } = this.start;
    const r1 = penalised ? await this.programs.r1.run({ ...this.critic(), images }) : undefined;
    const own = underPrefix(GRADIENT + DISCRIMINATOR, after);
    const gradients = r1 ? sumOf(own, underPrefix(GRADIENT + DISCRIMINATOR, r1)) : own;
    move(this.discriminator, gradientsAsTheirs(gradients, this.discriminator.params));
    return { before, after, ...(r1 ? { penalty: scalarOf(r1, "r1") } : {}) };
  }

  async close(): Promise<void> {
    await this.programs.main.dispose();
    await this.programs.r1.dispose();
  }

  private feeds(): NamedHostTensors {
    return { ...withPrefix(MODEL, this.model.params), images: this.start.images };
  }

  private critic(): NamedHostTensors {
    const specs = flattenSpecs(discriminatorOf(this.start.task.discriminator).spec);
    return withPrefix(DISCRIMINATOR, asOurs(this.discriminator.params, specs));
  }
}

/** What the port logs and our step does not tell: the mean absolute error, and the mean logits of both kinds of images. */
function observe({ model, discriminator }: TokenizerTask): Step {
  return (inputs) => {
    const images = inputs["images"]!;
    const { image } = tokenizerOf(model).autoencode(underPrefix(MODEL, inputs), images);
    const critic = underPrefix(DISCRIMINATOR, inputs);
    const logit = (x: tf.Tensor) => tf.mean(discriminatorOf(discriminator).judge(critic, tf.sub(tf.mul(x, 2), 1)));
    return { absoluteError: l1Loss(image, images), realLogit: logit(images), fakeLogit: logit(image) };
  };
}

function sumOf(a: NamedHostTensors, b: NamedHostTensors): NamedHostTensors {
  const sums = Object.entries(a).map(([name, { dtype, shape, data }]): [string, HostTensor] => {
    return [name, { dtype, shape, data: Float32Array.from(data, (value, i) => value + b[name]!.data[i]!) }];
  });
  return Object.fromEntries(sums);
}
