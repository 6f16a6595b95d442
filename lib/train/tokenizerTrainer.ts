/** Trains stage 1: owns the networks, their optimizers and the compiled steps. */
import type { Engine, HostTensor, NamedHostTensors, Program } from "../engine/types.js";
import { FileError } from "../errors.js";
import { discriminatorOf } from "../models/discriminator.js";
import { tokenizerOf } from "../models/tokenizer.js";
import { flattenSpecs, initialise } from "../nn/params.js";
import { partsOf, runParts } from "./accumulate.js";
import { globalNorm } from "./adamW.js";
import { CODEBOOK, CodebookRevival } from "./codebookRevival.js";
import { EmaCodebook } from "./emaCodebook.js";
import type { StepReport } from "./loop.js";
import { scalarOf, underPrefix, withPrefix } from "./named.js";
import { Optimizer, type OptimizerOptions } from "./optimizer.js";
import { compilePlan, tokenizerPlan } from "./plans.js";
import {
  DISCRIMINATOR,
  GRADIENT,
  MODEL,
  type TokenizerStepOptions,
  type TokenizerTask,
  trainedOf,
} from "./tokenizerSteps.js";
import type { Saved, Trainer } from "./trainer.js";

export type TokenizerTraining = {
  readonly engine: Engine;
  readonly task: TokenizerTask;
  readonly optimizer: OptimizerOptions;
  readonly batchSize: number;
  /** Equal parts in which a batch is computed, one after the other; 1 if absent. */
  readonly accumulate?: number;
  readonly seed: number;
  /** The parameters that `task.frozen` names. */
  readonly frozen?: NamedHostTensors;
  /** Step from which the adversarial loss counts. */
  readonly adversarialStart: number;
  /** Images [B, H, W, C] in [0, 1] of the next step. */
  readonly nextImages: () => Promise<Float32Array>;
};

export class TokenizerTrainer implements Trainer {
  private readonly model: Optimizer;
  private readonly discriminator: Optimizer | undefined;
  private readonly programs = new Map<string, Promise<Program>>();
  private readonly revival: CodebookRevival;
  /** Moves the codebook, and unused codes, where the loss does not. */
  private readonly averages: EmaCodebook | undefined;
  private readonly usedCodes: Uint8Array;

  constructor(private readonly training: TokenizerTraining) {
    const { task, optimizer, seed } = training;
    this.model = startOptimizer(trainedOf(task, flattenSpecs(tokenizerOf(task.model).spec)), optimizer, seed);
    if (task.weights.adversarial > 0) {
      const specs = flattenSpecs(discriminatorOf(task.discriminator).spec);
      this.discriminator = startOptimizer(specs, { ...optimizer, ema: 0 }, seed);
    }
    const { codebookSize: size, codeDim: dim } = task.model;
    this.revival = new CodebookRevival(task.revival, { size, dim }, seed);
    if (task.averages) this.averages = new EmaCodebook(task.averages, this.model.params[CODEBOOK]!, seed);
    this.usedCodes = new Uint8Array(size);
  }

  /** The weights to use, by name. */
  get weights(): NamedHostTensors {
    return { ...this.model.weights, ...this.training.frozen };
  }

  async step(step: number): Promise<StepReport> {
    const images = await this.nextImages();
    const { adversarialStart, task } = this.training;
    const adversarial = this.discriminator !== undefined && step >= adversarialStart;
    const report = await this.mainStep(step, images, { adversarial, quantized: step >= task.revival.quantizeFrom });
    const { every, gamma } = task.r1;
    if (!report.applied || !adversarial || gamma === 0 || step % every !== 0) return report;
    return this.r1(step, images, report);
  }

  takeIntervalMetrics(): Record<string, number> {
    const used = this.usedCodes.reduce((sum, one) => sum + one, 0);
    this.usedCodes.fill(0);
    return { usage: used / this.usedCodes.length };
  }

  save(): Saved {
    const model = this.model.state("model");
    const discriminator = this.discriminator?.state("discriminator");
    return {
      model: this.weights,
      state: { ...model.tensors, ...discriminator?.tensors, ...this.codebookState() },
      metadata: { updates: { model: model.updates, discriminator: discriminator?.updates ?? 0 } },
    };
  }

  restore({ model, state, metadata }: Saved): void {
    expectFrozen(this.training.frozen ?? {}, model);
    const updates = metadata["updates"] as { model: number; discriminator: number };
    this.model.restore("model", { tensors: state, updates: updates.model, weights: model });
    if (this.averages) this.averages.restore(underPrefix("averages/", state));
    else this.revival.restore(underPrefix("revival/", state));
    this.discriminator?.restore("discriminator", { tensors: state, updates: updates.discriminator });
  }

  async close(): Promise<void> {
    for (const program of this.programs.values()) await (await program).dispose();
    this.programs.clear();
  }

  private async mainStep(step: number, images: HostTensor, kind: TokenizerStepOptions): Promise<StepReport> {
    const { adversarial } = kind;
    const program = await this.program(kind);
    const results = await runParts(program, this.feeds(adversarial), this.parts(images));
    const metrics = losses(results);
    const gradients = underPrefix(GRADIENT + MODEL, results);
    const critic = underPrefix(GRADIENT + DISCRIMINATOR, results);
    const [norm, criticNorm] = [globalNorm(gradients), globalNorm(critic)];
    // Both networks move or neither does.
    if (![metrics["loss"], norm, criticNorm].every(Number.isFinite)) return { metrics, applied: false };
    this.model.update(gradients, { norm, step });
    if (adversarial) this.discriminator!.update(critic, { norm: criticNorm, step });
    const codes = results["codes"]!.data;
    for (const code of codes) this.usedCodes[code] = 1;
    const revived = this.moveCodes(results["codes"]!, results["latents"]!, step);
    const rate = this.training.optimizer.schedule(step);
    return { metrics: { ...metrics, revived, gradientNorm: norm, rate }, applied: true };
  }

  /** What happens to the codebook outside of the step; returns how many codes were moved. */
  private moveCodes(codes: HostTensor, latents: HostTensor, step: number): number {
    if (this.training.frozen) return 0;
    if (this.averages) return this.averages.update(this.model, codes, latents, step);
    this.revival.observe(codes.data, step);
    return this.revival.revive(this.model, latents, step);
  }

  private async r1(step: number, images: HostTensor, report: StepReport): Promise<StepReport> {
    const program = await this.program("r1");
    const critic = withPrefix(DISCRIMINATOR, this.discriminator!.params);
    const results = await runParts(program, critic, this.parts(images));
    const gradients = underPrefix(GRADIENT + DISCRIMINATOR, results);
    const norm = globalNorm(gradients);
    if (!Number.isFinite(norm)) return { ...report, applied: false };
    this.discriminator!.update(gradients, { norm, step });
    return { ...report, metrics: { ...report.metrics, r1: scalarOf(results, "r1") } };
  }

  private codebookState(): NamedHostTensors {
    if (this.averages) return withPrefix("averages/", this.averages.state());
    return withPrefix("revival/", this.revival.state());
  }

  private async nextImages(): Promise<HostTensor> {
    return { dtype: "float32", shape: this.imageShape(), data: await this.training.nextImages() };
  }

  private parts(images: HostTensor): NamedHostTensors[] {
    return partsOf(images, this.training.accumulate ?? 1).map((part) => ({ images: part }));
  }

  private imageShape(): number[] {
    const { imageSize, channels } = this.training.task.model;
    return [this.training.batchSize, imageSize, imageSize, channels];
  }

  private feeds(adversarial: boolean): NamedHostTensors {
    const model = withPrefix(MODEL, { ...this.model.params, ...this.training.frozen });
    return adversarial ? { ...model, ...withPrefix(DISCRIMINATOR, this.discriminator!.params) } : model;
  }

  private program(kind: TokenizerStepOptions | "r1"): Promise<Program> {
    const key = kind === "r1" ? kind : `${kind.quantized} ${kind.adversarial}`;
    const known = this.programs.get(key);
    if (known) return known;
    const { engine, task, batchSize, accumulate = 1 } = this.training;
    const compiled = compilePlan(engine, tokenizerPlan(task, kind, batchSize / accumulate));
    this.programs.set(key, compiled);
    return compiled;
  }
}

function startOptimizer(specs: ReturnType<typeof flattenSpecs>, options: OptimizerOptions, seed: number): Optimizer {
  return new Optimizer(initialise(specs, seed), specs, options);
}

/** @throws FileError when frozen parameters are others than when the checkpoint was saved */
function expectFrozen(frozen: NamedHostTensors, saved: NamedHostTensors): void {
  const differs = Object.entries(frozen).find(([name, { data }]) => {
    const before = saved[name]?.data;
    return before?.length !== data.length || data.some((value, i) => value !== before[i]);
  });
  if (!differs) return;
  throw new FileError(`checkpoint: frozen ${differs[0]} is not what it was; go on with the frozen run as it was then`);
}

/** All one-element results: the losses. */
function losses(results: NamedHostTensors): Record<string, number> {
  const scalars = Object.entries(results).filter(
    ([name, { shape }]) => shape.length === 0 && !name.startsWith(GRADIENT),
  );
  return Object.fromEntries(scalars.map(([name, { data }]) => [name, data[0]!]));
}
