/** Trains stage 2: owns the Transformer, its optimizer and the compiled step. */
import type { Engine, HostTensor, NamedHostTensors, Program } from "../engine/types.js";
import { noClass, sequenceLength, type VimConfig, vimSpec } from "../models/vim.js";
import { flattenSpecs, initialise } from "../nn/params.js";
import { streamSeed, uniformAt } from "../random.js";
import { partsOf, runParts } from "./accumulate.js";
import { globalNorm } from "./adamW.js";
import type { StepReport } from "./loop.js";
import { scalarOf, underPrefix, withPrefix } from "./named.js";
import { Optimizer, type OptimizerOptions } from "./optimizer.js";
import { compilePlan, priorLossPlan, priorPlan } from "./plans.js";
import { bitsPerDimension } from "./priorSteps.js";
import { GRADIENT, MODEL } from "./tokenizerSteps.js";
import type { Saved, Trainer } from "./trainer.js";

export type PriorBatch = {
  /** [B, T] row by row. */
  readonly codes: Int32Array;
  /** [B]; -1 where there is no label. */
  readonly labels: Int32Array;
};

export type PriorTraining = {
  readonly engine: Engine;
  readonly model: VimConfig;
  /** Dropout rate in training. */
  readonly dropout: number;
  /** Probability that a sequence is shown without its class, so that the model can also do without. */
  readonly classDropout: number;
  readonly optimizer: OptimizerOptions;
  readonly batchSize: number;
  /** Equal parts in which a batch is computed, one after the other; 1 if absent. */
  readonly accumulate?: number;
  /** Whether blocks are computed again for the gradient instead of kept; no if absent. */
  readonly recompute?: boolean;
  readonly seed: number;
  /** Pixels times channels of an image, for bits per dimension. */
  readonly dimensions: number;
  readonly nextBatch: () => Promise<PriorBatch>;
};

export class PriorTrainer implements Trainer {
  private readonly optimizer: Optimizer;
  private training: PriorTraining;
  private program: Promise<Program> | undefined;
  private lossProgram: Promise<Program> | undefined;

  constructor(training: PriorTraining) {
    this.training = training;
    const specs = flattenSpecs(vimSpec(training.model));
    this.optimizer = new Optimizer(initialise(specs, training.seed), specs, training.optimizer);
  }

  /** The weights to use, by name. */
  get weights(): NamedHostTensors {
    return this.optimizer.weights;
  }

  async step(step: number): Promise<StepReport> {
    const { seed, optimizer } = this.training;
    const batch = await this.training.nextBatch();
    const classIds = this.classIds(batch.labels, streamSeed(seed, "classDropout", step));
    this.program ??= this.compile();
    const parts = this.parts(this.inputs(batch.codes, classIds), step);
    const results = await runParts(await this.program, withPrefix(MODEL, this.optimizer.params), parts);
    const nll = scalarOf(results, "nll");
    const gradients = underPrefix(GRADIENT + MODEL, results);
    const norm = globalNorm(gradients);
    if (![nll, norm].every(Number.isFinite)) return { metrics: { nll }, applied: false };
    this.optimizer.update(gradients, { norm, step });
    const bits = bitsPerDimension(nll, { codes: this.codesPerImage, dimensions: this.training.dimensions });
    const metrics = { nll, bitsPerDimension: bits, gradientNorm: norm, rate: optimizer.schedule(step) };
    return { metrics, applied: true };
  }

  /** Mean NLL in nats per code of a batch under the weights to use; labels are shown. */
  async evaluate(batch: PriorBatch): Promise<number> {
    const { engine, model, batchSize } = this.training;
    this.lossProgram ??= compilePlan(engine, priorLossPlan(model, batchSize));
    const classIds = this.classIds(batch.labels, undefined);
    const inputs = { ...withPrefix(MODEL, this.weights), ...this.inputs(batch.codes, classIds) };
    return scalarOf(await (await this.lossProgram).run(inputs), "nll");
  }

  takeIntervalMetrics(): Record<string, number> {
    return {};
  }

  save(): Saved {
    const { tensors, updates } = this.optimizer.state("model");
    return { model: this.optimizer.weights, state: tensors, metadata: { updates: { model: updates } } };
  }

  restore({ model, state, metadata }: Saved): void {
    const { model: updates } = metadata["updates"] as { model: number };
    this.optimizer.restore("model", { tensors: state, updates, weights: model });
  }

  async close(): Promise<void> {
    for (const program of [this.program, this.lossProgram]) await (await program)?.dispose();
    this.program = undefined;
    this.lossProgram = undefined;
  }

  private get codesPerImage(): number {
    return sequenceLength(this.training.model);
  }

  /** Labels as the model takes them; with a seed, some are dropped. */
  private classIds(labels: Int32Array, seed: number | undefined): Int32Array {
    const none = noClass(this.training.model);
    const { classDropout } = this.training;
    return labels.map((label, i) => {
      const dropped = seed !== undefined && classDropout > 0 && uniformAt(i, seed) < classDropout;
      return label < 0 || label >= none || dropped ? none : label;
    });
  }

  private compile(): Promise<Program> {
    const { engine, model, batchSize, accumulate = 1, dropout, recompute = false } = this.training;
    return compilePlan(engine, priorPlan(model, { dropout, recompute, batchSize: batchSize / accumulate }));
  }

  /** The batch in parts, each with a dropout of its own. */
  private parts({ codes, classIds }: { codes: HostTensor; classIds: HostTensor }, step: number): NamedHostTensors[] {
    const { seed, dropout, accumulate = 1 } = this.training;
    const classes = partsOf(classIds, accumulate);
    return partsOf(codes, accumulate).map((part, i) => {
      const stream = i === 0 ? streamSeed(seed, "dropout", step) : streamSeed(seed, "dropout", step, i);
      const dropoutSeed = { dtype: "int32", shape: [1], data: Int32Array.of(stream | 0) } as const;
      return { codes: part, classIds: classes[i]!, ...(dropout > 0 ? { dropoutSeed } : {}) };
    });
  }

  private inputs(codes: Int32Array, classIds: Int32Array): { codes: HostTensor; classIds: HostTensor } {
    const { batchSize } = this.training;
    return {
      codes: { dtype: "int32", shape: [batchSize, this.codesPerImage], data: codes },
      classIds: { dtype: "int32", shape: [batchSize], data: classIds },
    };
  }
}
