/** Trains stage 2: owns the Transformer and its steps. */
import type { Engine, HostTensor, NamedHostTensors } from "../engine/types.js";
import { noClass, sequenceLength, type VimConfig, vimSpec } from "../models/vim.js";
import { flattenSpecs, initialise } from "../nn/params.js";
import { streamSeed, uniformAt } from "../random.js";
import { type BatchSplit, partCount, partSize, partsOf } from "./batchParts.js";
import type { StepReport } from "./loop.js";
import { MODEL, scalarOf } from "./named.js";
import { createNetworks, type Move, type Moved, moveAll, type Networks, stepsInCall } from "./networks.js";
import type { OptimizerOptions } from "./optimizer.js";
import { inLanes, type Plan, priorLossPlan, priorPlan } from "./plans.js";
import { bitsPerDimension } from "./priorSteps.js";
import { ReportQueue, type Saved, type Trainer } from "./trainer.js";

export type PriorBatch = {
  /** [B, T] row by row. */
  readonly codes: Int32Array;
  /** [B]; -1 where there is no label. */
  readonly labels: Int32Array;
};

export type PriorTraining = BatchSplit & {
  readonly engine: Engine;
  readonly model: VimConfig;
  /** Dropout rate in training. */
  readonly dropout: number;
  /** Probability that a sequence is shown without its class, so that the model can also do without. */
  readonly classDropout: number;
  readonly optimizer: OptimizerOptions;
  /** Whether blocks are computed again for the gradient instead of kept; no if absent. */
  readonly recompute?: boolean;
  readonly seed: number;
  /** Pixels times channels of an image, for bits per dimension. */
  readonly dimensions: number;
  readonly nextBatch: () => Promise<PriorBatch>;
};

export class PriorTrainer implements Trainer {
  private readonly networks: Networks;
  private readonly reports = new ReportQueue();

  constructor(private readonly training: PriorTraining) {
    const { engine, model, seed, optimizer } = training;
    const specs = flattenSpecs(vimSpec(model));
    this.networks = createNetworks({
      engine,
      networks: { [MODEL]: { initial: () => initialise(specs, seed), specs, optimizer } },
    });
  }

  start(): Promise<void> {
    return this.networks.start();
  }

  step(step: number, room = 1): Promise<StepReport> {
    return this.reports.next(() => this.launch(step, Math.min(room, this.most)));
  }

  private get most(): number {
    const { engine, batchSize } = this.training;
    return stepsInCall(engine, 4 * batchSize * (this.codesPerImage + 1));
  }

  private async launch(first: number, count: number): Promise<StepReport[]> {
    const moves: Move[] = [];
    for (let step = first; step < first + count; step++) moves.push(await this.move(step));
    const moved = await moveAll(this.networks, moves);
    return moved.map((one, i) => this.report(one, first + i));
  }

  private async move(step: number): Promise<Move> {
    const batch = await this.training.nextBatch();
    const classIds = this.classIds(batch.labels, streamSeed(this.training.seed, "classDropout", step));
    return {
      key: "step",
      plan: () => this.plan(),
      moves: [MODEL],
      parts: this.parts(this.inputs(batch.codes, classIds), step),
      loss: "nll",
      step,
    };
  }

  private report({ results, norms, applied, rescaled }: Moved, step: number): StepReport {
    const { optimizer, dimensions } = this.training;
    const nll = scalarOf(results, "nll");
    if (!applied) return { metrics: { nll }, applied, rescaled };
    const bits = bitsPerDimension(nll, { codes: this.codesPerImage, dimensions });
    const metrics = { nll, bitsPerDimension: bits, gradientNorm: norms[MODEL]!, rate: optimizer.schedule(step) };
    return { metrics, applied };
  }

  /** Mean NLL in nats per code of a batch under the weights to use; labels are shown. */
  async evaluate(batch: PriorBatch): Promise<number> {
    const { model, batchSize } = this.training;
    const inputs = this.inputs(batch.codes, this.classIds(batch.labels, undefined));
    const plan = { key: "loss", plan: () => priorLossPlan(model, batchSize) };
    return scalarOf(await this.networks.use(plan, inputs), "nll");
  }

  takeIntervalMetrics(): Record<string, number> {
    const { lossScale } = this.networks;
    return lossScale === undefined ? {} : { lossScale };
  }

  weights(): Promise<NamedHostTensors> {
    return this.networks.weights(MODEL);
  }

  async save(): Promise<Saved> {
    const { tensors, updates, ...scale } = await this.networks.state();
    return { model: await this.weights(), state: tensors, metadata: { updates: { model: updates[MODEL] }, ...scale } };
  }

  async restore({ model, state, metadata }: Saved): Promise<void> {
    const { model: updates } = metadata["updates"] as { model: number };
    await this.networks.restore({
      tensors: state,
      updates: { [MODEL]: updates },
      weights: { [MODEL]: model },
      lossScale: metadata["lossScale"],
    });
  }

  close(): Promise<void> {
    return this.networks.close();
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

  private plan(): Plan {
    const { model, lanes = 1, dropout, recompute = false } = this.training;
    return inLanes(priorPlan(model, { dropout, recompute, batchSize: partSize(this.training) }), lanes);
  }

  /** The batch in parts, each with a dropout of its own. */
  private parts({ codes, classIds }: { codes: HostTensor; classIds: HostTensor }, step: number): NamedHostTensors[] {
    const { seed, dropout } = this.training;
    const count = partCount(this.training);
    const classes = partsOf(classIds, count);
    return partsOf(codes, count).map((part, i) => {
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
