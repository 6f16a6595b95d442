/** Trains stage 1: owns the networks and their steps, and moves the codebook. */
import type { Engine, HostTensor, NamedHostTensors } from "../engine/types.js";
import { FileError } from "../errors.js";
import { discriminatorOf } from "../models/discriminator.js";
import { CODEBOOK } from "../models/quantizer.js";
import { tokenizerOf } from "../models/tokenizer.js";
import { flattenSpecs, initialise } from "../nn/params.js";
import { mapValues } from "../records.js";
import { sizeOf } from "../shapes.js";
import { type BatchSplit, partCount, partSize, partsOf } from "./batchParts.js";
import { CodebookRevival } from "./codebookRevival.js";
import { EmaCodebook } from "./emaCodebook.js";
import type { StepReport } from "./loop.js";
import { DISCRIMINATOR, MODEL, scalarOf, underPrefix, withPrefix } from "./named.js";
import {
  createNetworks,
  type Move,
  type Moved,
  moveAll,
  type NamedPlan,
  type NetworkStart,
  type Networks,
  stepsInCall,
} from "./networks.js";
import type { OptimizerOptions } from "./optimizer.js";
import { inLanes, tokenizerPlan } from "./plans.js";
import { type TokenizerStepOptions, type TokenizerTask, trainedOf } from "./tokenizerSteps.js";
import { ReportQueue, type Saved, type Trainer } from "./trainer.js";

export type TokenizerTraining = BatchSplit & {
  readonly engine: Engine;
  readonly task: TokenizerTask;
  readonly optimizer: OptimizerOptions;
  readonly seed: number;
  /** The parameters that `task.frozen` names. */
  readonly frozen?: NamedHostTensors;
  /** Step from which the adversarial loss counts. */
  readonly adversarialStart: number;
  /** Images [B, H, W, C] in [0, 1] of the next step. */
  readonly nextImages: () => Promise<Float32Array>;
};

export class TokenizerTrainer implements Trainer {
  private readonly networks: Networks;
  private readonly revival: CodebookRevival;
  /** Moves the codebook, and unused codes, where the loss does not. */
  private readonly averages: EmaCodebook | undefined;
  private readonly usedCodes: Uint8Array;
  private readonly reports = new ReportQueue();

  constructor(private readonly training: TokenizerTraining) {
    const { engine, task, optimizer, frozen = {}, seed } = training;
    const model = startNetwork(trainedOf(task, flattenSpecs(tokenizerOf(task.model).spec)), optimizer, seed);
    const networks: Record<string, NetworkStart> = { [MODEL]: model };
    if (this.hasCritic) {
      const specs = flattenSpecs(discriminatorOf(task.discriminator).spec);
      networks[DISCRIMINATOR] = startNetwork(specs, { ...optimizer, ema: 0 }, seed);
    }
    this.revival = new CodebookRevival(task.revival, task.model, seed);
    if (task.averages) {
      const codebook = initialise({ [CODEBOOK]: model.specs[CODEBOOK]! }, seed)[CODEBOOK]!;
      this.averages = new EmaCodebook(task.averages, codebook, seed);
    }
    this.usedCodes = new Uint8Array(task.model.codebookSize);
    this.networks = createNetworks({ engine, networks, frozen: withPrefix(MODEL, frozen) });
  }

  start(): Promise<void> {
    return this.networks.start();
  }

  step(step: number, room = 1): Promise<StepReport> {
    return this.reports.next(() => this.launch(step, Math.min(room, this.most)));
  }

  takeIntervalMetrics(): Record<string, number> {
    const used = this.usedCodes.reduce((sum, one) => sum + one, 0);
    this.usedCodes.fill(0);
    const { lossScale } = this.networks;
    return { usage: used / this.usedCodes.length, ...(lossScale === undefined ? {} : { lossScale }) };
  }

  async weights(): Promise<NamedHostTensors> {
    return { ...(await this.networks.weights(MODEL)), ...this.training.frozen };
  }

  async save(): Promise<Saved> {
    const { tensors, updates, ...scale } = await this.networks.state();
    return {
      model: await this.weights(),
      state: { ...tensors, ...this.codebookState() },
      metadata: { updates: { model: updates[MODEL]!, discriminator: updates[DISCRIMINATOR] ?? 0 }, ...scale },
    };
  }

  async restore({ model, state, metadata }: Saved): Promise<void> {
    expectFrozen(this.training.frozen ?? {}, model);
    const updates = metadata["updates"] as { model: number; discriminator: number };
    await this.networks.restore({
      tensors: state,
      updates: { [MODEL]: updates.model, [DISCRIMINATOR]: updates.discriminator },
      weights: { [MODEL]: model },
      lossScale: metadata["lossScale"],
    });
    if (this.averages) this.averages.restore(underPrefix("averages/", state));
    else this.revival.restore(underPrefix("revival/", state));
  }

  close(): Promise<void> {
    return this.networks.close();
  }

  private get hasCritic(): boolean {
    return this.training.task.weights.adversarial > 0;
  }

  private get most(): number {
    return stepsInCall(this.training.engine, 4 * sizeOf(this.imageShape()));
  }

  private async launch(first: number, room: number): Promise<StepReport[]> {
    const count = this.stepsAlike(first, room);
    const kind = this.kindAt(first);
    const moves: Move[] = [];
    for (let step = first; step < first + count; step++)
      moves.push({
        ...this.plan(kind),
        moves: kind.adversarial ? [MODEL, DISCRIMINATOR] : [MODEL], // both move or neither does
        parts: this.parts(await this.nextImages()),
        loss: "loss",
        step,
      });
    const reports: StepReport[] = [];
    for (const [i, moved] of (await moveAll(this.networks, moves)).entries()) {
      const report = await this.report(moved, first + i);
      reports.push(report.applied && this.hasR1At(first + i) ? await this.r1(moves[i]!, report) : report);
    }
    return reports;
  }

  /** Steps from `first` on that are of one kind and of which none but the last is followed by something else than a step. */
  private stepsAlike(first: number, room: number): number {
    const { quantized, adversarial } = this.kindAt(first);
    let count = 1;
    while (count < room && !this.hasMoreAfter(first + count - 1)) {
      const next = this.kindAt(first + count);
      if (next.quantized !== quantized || next.adversarial !== adversarial) break;
      count++;
    }
    return count;
  }

  private kindAt(step: number): TokenizerStepOptions {
    const { adversarialStart, task } = this.training;
    return {
      adversarial: this.hasCritic && step >= adversarialStart,
      quantized: step >= task.revival.quantizeFrom,
    };
  }

  private hasR1At(step: number): boolean {
    const { every, gamma } = this.training.task.r1;
    return this.kindAt(step).adversarial && gamma > 0 && step % every === 0;
  }

  /** Whether networks change after the update of a step, or may. */
  private hasMoreAfter(step: number): boolean {
    const movesCodes = !this.training.frozen && (this.averages !== undefined || this.revival.isDue(step));
    return movesCodes || this.hasR1At(step);
  }

  private async report({ results, norms, applied, rescaled }: Moved, step: number): Promise<StepReport> {
    const metrics = losses(results);
    if (!applied) return { metrics, applied, rescaled };
    const codes = results["codes"]!;
    for (const code of codes.data) this.usedCodes[code] = 1;
    const revived = await this.moveCodes(codes, results["latents"]!, step);
    const rate = this.training.optimizer.schedule(step);
    return { metrics: { ...metrics, revived, gradientNorm: norms[MODEL]!, rate }, applied };
  }

  /** What happens to the codebook outside of the step; returns how many codes were moved. */
  private async moveCodes(codes: HostTensor, latents: HostTensor, step: number): Promise<number> {
    const { averages, revival } = this;
    if (this.training.frozen) return 0;
    if (averages) return this.networks.edit(MODEL, CODEBOOK, (rows) => averages.update(rows, codes, latents, step));
    revival.observe(codes.data, step);
    if (!revival.isDue(step)) return 0;
    return this.networks.edit(MODEL, CODEBOOK, (rows) => revival.revive(rows, latents, step));
  }

  private async r1({ parts, step }: Move, report: StepReport): Promise<StepReport> {
    const { results, applied, rescaled } = await this.networks.move({
      ...this.plan("r1"),
      moves: [DISCRIMINATOR],
      parts,
      loss: "r1",
      step,
    });
    if (!applied) return { ...report, penalised: false, rescaled };
    return { ...report, penalised: true, metrics: { ...report.metrics, r1: scalarOf(results, "r1") } };
  }

  private codebookState(): NamedHostTensors {
    if (this.averages) return withPrefix("averages/", this.averages.state());
    return withPrefix("revival/", this.revival.state());
  }

  private async nextImages(): Promise<HostTensor> {
    return { dtype: "float32", shape: this.imageShape(), data: await this.training.nextImages() };
  }

  private parts(images: HostTensor): NamedHostTensors[] {
    return partsOf(images, partCount(this.training)).map((part) => ({ images: part }));
  }

  private imageShape(): number[] {
    const { imageSize, channels } = this.training.task.model;
    return [this.training.batchSize, imageSize, imageSize, channels];
  }

  private plan(kind: TokenizerStepOptions | "r1"): NamedPlan {
    const { task, lanes = 1 } = this.training;
    const key = kind === "r1" ? kind : `${kind.quantized} ${kind.adversarial}`;
    return { key, plan: () => inLanes(tokenizerPlan(task, kind, partSize(this.training)), lanes) };
  }
}

function startNetwork(specs: ReturnType<typeof flattenSpecs>, optimizer: OptimizerOptions, seed: number): NetworkStart {
  return { initial: () => initialise(specs, seed), specs, optimizer };
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
  return mapValues(
    Object.fromEntries(Object.entries(results).filter(([, { shape }]) => shape.length === 0)),
    ({ data }) => data[0]!,
  );
}
