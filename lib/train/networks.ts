/** The networks that a training moves: where their weights are, and how a step moves them. */
import type { Engine, NamedHostTensors } from "../engine/types.js";
import type { ParamSpec } from "../nn/params.js";
import { HostNetworks } from "./hostNetworks.js";
import type { LossScaleState } from "./lossScale.js";
import type { Optimizer, OptimizerOptions } from "./optimizer.js";
import type { Plan } from "./plans.js";
import { RepeatedNetworks } from "./repeatedNetworks.js";
import { ResidentNetworks } from "./residentNetworks.js";

/** A network before its first step. Its name is what its parameters begin with in plans: `model/`. */
export type NetworkStart = {
  /** Makes the weights; not called where a checkpoint gives them. */
  readonly initial: () => NamedHostTensors;
  readonly specs: Readonly<Record<string, ParamSpec>>;
  readonly optimizer: OptimizerOptions;
};

export type NetworksOptions = {
  readonly engine: Engine;
  /** By name. */
  readonly networks: Readonly<Record<string, NetworkStart>>;
  /** What plans read and nothing moves, by the name of the input. */
  readonly frozen?: NamedHostTensors;
};

/** A plan by a name of its own; it is compiled once, when it is first needed. */
export type NamedPlan = { readonly key: string; readonly plan: () => Plan };

/** A step that moves networks by their gradients. */
export type Move = NamedPlan & {
  /** The networks, whose gradients are the results `gradient/NETWORK*`. */
  readonly moves: readonly string[];
  /** What else the plan reads: the batch, in the parts it is computed in. */
  readonly parts: readonly NamedHostTensors[];
  /** A result that must be finite, besides all gradients, for anything to move. */
  readonly loss: string;
  /** Number of the step, which sets the learning rate. */
  readonly step: number;
};

export type Moved = {
  /** Everything but gradients. */
  readonly results: NamedHostTensors;
  /** Norm of all gradients of a network before clipping, by network. */
  readonly norms: Readonly<Record<string, number>>;
  /** Whether they moved: all of them, or none. */
  readonly applied: boolean;
  /** Whether they did not because the scale of the loss was too large, which is lower now. */
  readonly rescaled: boolean;
};

/** Does steps of one plan that follow one another, in one call where the engine has such. */
export async function moveAll(networks: Networks, moves: readonly Move[]): Promise<readonly Moved[]> {
  if (networks.moveAll) return networks.moveAll(moves);
  const moved: Moved[] = [];
  for (const move of moves) moved.push(await networks.move(move));
  return moved;
}

/** Steps in a call: copying the state takes as long as a few of them. */
const MOST_STEPS = 32;
/** Of all batches that wait for a call. */
const MOST_BYTES = 2 ** 28;

/**
 * Steps that are worth one call of an engine: one where it keeps its state between calls.
 * @param batchBytes of what a step is given beside the state
 */
export function stepsInCall({ repeated }: Engine, batchBytes: number): number {
  return repeated ? Math.max(1, Math.min(MOST_STEPS, Math.floor(MOST_BYTES / batchBytes))) : 1;
}

/** Rows of parameters that something besides gradients moves. */
export type Rows = Pick<Optimizer, "params" | "replaceRow">;

export interface Networks {
  /** Makes the state before the first step, which otherwise is made when it is first wanted. */
  start(): Promise<void>;
  /** What losses are multiplied by before they are differentiated; undefined where they are not. */
  readonly lossScale: number | undefined;
  move(move: Move): Promise<Moved>;
  /** Does steps of one plan that follow one another in one call of the engine; absent where there is no such call. */
  moveAll?(moves: readonly Move[]): Promise<readonly Moved[]>;
  /** Runs a plan on the weights to use: the moving averages where there are some. */
  use(plan: NamedPlan, inputs: NamedHostTensors): Promise<NamedHostTensors>;
  /** Lets `edit` change one parameter of a network with its moments and its moving average. */
  edit<T>(network: string, parameter: string, edit: (rows: Rows) => T): Promise<T>;
  /** The weights to use, by parameter. */
  weights(network: string): Promise<NamedHostTensors>;
  /** What it takes to go on, by `NETWORK/part/parameter`, the number of updates of each, and the loss's scale if it has one. */
  state(): Promise<{
    readonly tensors: NamedHostTensors;
    readonly updates: Readonly<Record<string, number>>;
    readonly lossScale?: LossScaleState;
  }>;
  /**
   * Goes on from what `state` gave; takes the tensors over, and changes them as it goes on.
   * @param saved.weights the weights to use, of networks that have a moving average
   * @param saved.lossScale as `state` gave it; nothing, of a training without one, is the start where there is one now
   * @throws FileError when a tensor is missing or of another shape, or the scale is none
   */
  restore(saved: {
    readonly tensors: NamedHostTensors;
    readonly updates: Readonly<Record<string, number>>;
    readonly weights: Readonly<Record<string, NamedHostTensors>>;
    readonly lossScale?: unknown;
  }): Promise<void>;
  close(): Promise<void>;
}

/** Networks where the engine wants them: on its device, there for the time of a call, or in host memory. */
export function createNetworks(options: NetworksOptions): Networks {
  const { resident, repeated } = options.engine;
  if (resident) return new ResidentNetworks(options, resident);
  return repeated ? new RepeatedNetworks(options, repeated) : new HostNetworks(options);
}
