/** One network's weights with everything that moves them: the rule with its moments, clipping, moving average. */
import type { HostTensor, NamedHostTensors, TensorSpec } from "../engine/types.js";
import { FileError } from "../errors.js";
import type { ParamSpec } from "../nn/params.js";
import { mapValues } from "../records.js";
import { type AdafactorOptions, adafactorRule } from "./adafactor.js";
import { type AdamWOptions, adamWRule, clipScale } from "./adamW.js";
import { copyTensors, emaDecayAt, emaUpdate } from "./ema.js";
import type { Schedule } from "./schedules.js";
import { type UpdateRule, zerosOf } from "./updateRule.js";

/** A rule by name, with its options. */
export type RuleOptions =
  | ({ readonly rule: "adamw" } & AdamWOptions)
  | ({ readonly rule: "adafactor" } & AdafactorOptions);

export type OptimizerOptions = RuleOptions & {
  /** Learning rate by step. */
  readonly schedule: Schedule;
  /** Largest norm of all gradients together; 0 for no clipping. */
  readonly clip: number;
  /** Decay of the moving average of the weights; 0 for none. */
  readonly ema: number;
};

type Specs = Readonly<Record<string, ParamSpec>>;

/** What `Optimizer.state` gave, and the weights to use, which matter where there is a moving average. */
export type SavedOptimizer = {
  readonly tensors: NamedHostTensors;
  readonly updates: number;
  readonly weights?: NamedHostTensors | undefined;
};

/** Name of the moving average among the parts of `Optimizer.everything`. */
export const AVERAGE = "average";

export class Optimizer {
  private readonly rule: UpdateRule;
  private updates = 0;

  private constructor(
    readonly params: NamedHostTensors,
    private readonly average: NamedHostTensors | undefined,
    specs: Specs,
    private readonly options: OptimizerOptions,
  ) {
    this.rule = startRule(params, specs, options);
  }

  /** Starts from `params`, which it then owns and changes in place, and its average from a copy of them. */
  static started(params: NamedHostTensors, specs: Specs, options: OptimizerOptions): Optimizer {
    return new Optimizer(params, options.ema > 0 ? copyTensors(params) : undefined, specs, options);
  }

  /**
   * Goes on from a saved state. Its tensors are not copied: it owns them from then on, and changes them in place.
   * @throws FileError when a tensor is missing or of another shape
   */
  static restored(prefix: string, saved: SavedOptimizer, specs: Specs, options: OptimizerOptions): Optimizer {
    const zeros = mapValues(specs, ({ shape }) => zerosOf(shape)); // memory that nobody writes to is not taken
    const optimizer = new Optimizer(zeros, options.ema > 0 ? { ...zeros } : undefined, specs, options);
    optimizer.takeOver(prefix, saved);
    return optimizer;
  }

  /**
   * Applies one update.
   * @param norm of all gradients before clipping (`globalNorm`), finite
   * @param step sets the learning rate
   */
  update(gradients: NamedHostTensors, { norm, step }: { norm: number; step: number }): void {
    this.updates++;
    const rate = this.options.schedule(step);
    const gradientScale = clipScale(norm, this.options.clip);
    this.rule.update(gradients, { rate, gradientScale, step: this.updates });
    if (this.average) emaUpdate(this.average, this.params, emaDecayAt(this.updates, this.options.ema));
  }

  /**
   * Sets one row of a parameter and of its average, and forgets the row's momentum.
   * @throws RangeError when there is no such parameter
   */
  replaceRow(name: string, row: number, values: Float32Array): void {
    const at = row * values.length;
    for (const named of [this.params, this.average]) named?.[name]?.data.set(values, at);
    this.rule.forget(name, at, at + values.length);
  }

  /** Updates so far. */
  get updateCount(): number {
    return this.updates;
  }

  /** The weights to use: the moving average where there is one. */
  get weights(): NamedHostTensors {
    return this.average ?? this.params;
  }

  /** Everything needed to continue, by name, the averaged weights apart. */
  state(prefix: string): { tensors: NamedHostTensors; updates: number } {
    return { tensors: byPart(prefix, this.parts()), updates: this.updates };
  }

  /** The tensors of `state` and the moving average: all that an update reads and writes. */
  everything(prefix: string): NamedHostTensors {
    return byPart(prefix, this.allParts());
  }

  /** Takes over `everything` as it is after `updates` updates more, made elsewhere; the tensors are not copied. */
  adopt(prefix: string, tensors: NamedHostTensors, updates: number): void {
    for (const [part, named] of Object.entries(this.allParts()))
      for (const name of Object.keys(named)) named[name] = tensors[`${prefix}/${part}/${name}`]!;
    this.updates += updates;
  }

  private takeOver(prefix: string, { tensors, updates, weights }: SavedOptimizer): void {
    for (const [part, named] of Object.entries(this.parts()))
      for (const [name, { dtype, shape }] of Object.entries(named))
        named[name] = expectTensor(`${part}/${name}`, { dtype, shape }, tensors[`${prefix}/${part}/${name}`]);
    for (const [name, { dtype, shape }] of Object.entries(this.average ?? {}))
      this.average![name] = expectTensor(`${AVERAGE}/${name}`, { dtype, shape }, weights?.[name]);
    this.updates = updates;
  }

  private parts(): Record<string, NamedHostTensors> {
    return { params: this.params, ...this.rule.state };
  }

  private allParts(): Record<string, NamedHostTensors> {
    return { ...this.parts(), ...(this.average ? { [AVERAGE]: this.average } : {}) };
  }
}

function byPart(prefix: string, parts: Readonly<Record<string, NamedHostTensors>>): NamedHostTensors {
  const tensors: NamedHostTensors = {};
  for (const [part, named] of Object.entries(parts))
    for (const [name, tensor] of Object.entries(named)) tensors[`${prefix}/${part}/${name}`] = tensor;
  return tensors;
}

function startRule(params: NamedHostTensors, specs: Specs, options: OptimizerOptions): UpdateRule {
  return options.rule === "adamw" ? adamWRule(params, specs, options) : adafactorRule(params, specs, options);
}

/** @throws FileError when there is no such tensor, or it is of another shape */
function expectTensor(name: string, want: TensorSpec, got: HostTensor | undefined): HostTensor {
  const shape = (of: readonly unknown[]) => `[${of.join(", ")}]`;
  if (got?.dtype === want.dtype && shape(got.shape) === shape(want.shape)) return got;
  throw new FileError(
    `checkpoint: want ${name} of shape ${shape(want.shape)}, got ${got ? shape(got.shape) : "nothing"}; ` +
      "it belongs to another model",
  );
}
