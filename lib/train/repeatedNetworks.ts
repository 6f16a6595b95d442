/** Networks whose state is on a device for the time of a call, which does many steps: for engines that keep it no longer. */
import { freeTensors } from "../engine/freeTensors.js";
import type { NamedHostTensors, Repeated, RepeatedProgram } from "../engine/types.js";
import { MadeOnce } from "../promises.js";
import { mapValues, pickNames } from "../records.js";
import { asAdamW, NORM, updateScalars } from "./adamWStep.js";
import { joinParts } from "./batchParts.js";
import { HostNetworks } from "./hostNetworks.js";
import { movingPlan, partNumbers } from "./movingPlan.js";
import { bare, scalarOf } from "./named.js";
import type { Move, Moved, NetworksOptions } from "./networks.js";

/** Between calls the state is that of networks in host memory, so that all but moving is done as there. */
export class RepeatedNetworks extends HostNetworks {
  private readonly networks: Readonly<Record<string, ReturnType<typeof asAdamW>>>;
  private readonly movers = new MadeOnce<Mover>();
  /** What the last call gave that is state now. */
  private own: NamedHostTensors = {};

  /** @throws RangeError for a rule other than AdamW */
  constructor(
    options: NetworksOptions,
    private readonly repeated: Repeated,
  ) {
    super(options);
    this.networks = mapValues(options.networks, asAdamW);
  }

  override async move(move: Move): Promise<Moved> {
    return (await this.moveAll([move]))[0]!;
  }

  override async restore(saved: Parameters<HostNetworks["restore"]>[0]): Promise<void> {
    await super.restore(saved);
    this.own = {};
  }

  override async close(): Promise<void> {
    await super.close();
    for (const { program } of await this.movers.takeAll()) await program.dispose();
  }

  /** Once a step did not move anything, those after it are done one by one. */
  async moveAll(moves: readonly Move[]): Promise<readonly Moved[]> {
    const moved: Moved[] = [];
    while (moved.length < moves.length) {
      const together = moved.every(({ applied }) => applied) ? moves.length : moved.length + 1;
      moved.push(...(await this.callFor(moves.slice(moved.length, together))));
    }
    return moved;
  }

  /**
   * One call, or a second one where a step before the last did not move anything: the updates after it were given numbers
   * one too high, so that they are left out.
   */
  private async callFor(moves: readonly Move[]): Promise<readonly Moved[]> {
    const { program, reads, sums } = await this.mover(moves[0]!);
    const { carried, results } = await program.run(
      pickNames({ ...this.everything(), ...this.frozen, ...sums }, (name) => reads.has(name)),
      moves.flatMap((move, i) => this.runsOf(move, i)),
    );
    freeTensors(pickNames(carried, (name) => Object.hasOwn(sums, name)));
    const state = pickNames(carried, (name) => !Object.hasOwn(sums, name));
    const parts = moves[0]!.parts.length;
    const moved = moves.map((move, i) => movedBy(move, results.slice(i * parts, (i + 1) * parts)));
    const stuck = moved.findIndex(({ applied }) => !applied);
    if (stuck >= 0 && stuck < moves.length - 1) {
      freeTensors(state);
      return this.callFor(moves.slice(0, stuck + 1));
    }
    this.adopt(state, moved);
    return moved;
  }

  /** What the runs of move `i` of a call are given, one for every part of its batch. */
  private runsOf(move: Move, i: number): NamedHostTensors[] {
    const numbers = this.numbers(move, i);
    return move.parts.map((part, at) => ({ ...part, ...numbers, ...partNumbers(at, move.parts.length) }));
  }

  /** Takes over the state after a call. */
  private adopt(carried: NamedHostTensors, moved: readonly Moved[]): void {
    const before = this.everything();
    const now = { ...before, ...carried };
    const updates = moved.filter(({ applied }) => applied).length;
    for (const [network, optimizer] of Object.entries(this.optimizers)) {
      const moves = Object.keys(carried).some((name) => name.startsWith(network));
      if (moves) optimizer.adopt(bare(network), now, updates);
    }
    freeTensors(pickNames(this.own, (name) => Object.hasOwn(carried, name)));
    this.own = { ...this.own, ...carried };
  }

  private everything(): NamedHostTensors {
    const all = Object.entries(this.optimizers).map(([network, optimizer]) => optimizer.everything(bare(network)));
    return Object.assign({}, ...all);
  }

  /** The numbers of the update of move `i` of a call, if all before it are applied. */
  private numbers({ moves, parts, step }: Move, i: number): NamedHostTensors {
    const scalars = moves.map((network) => {
      const adamW = this.networks[network]!;
      const updates = this.optimizers[network]!.updateCount;
      const rate = adamW.start.optimizer.schedule(step);
      return updateScalars(network, adamW, { rate, step: updates + 1 + i, divisor: parts.length });
    });
    return Object.assign({}, ...scalars);
  }

  private mover(move: Move): Promise<Mover> {
    return this.movers.of(`${move.key} ${move.parts.length}`, () => this.compileMover(move));
  }

  private async compileMover({ plan, moves, parts, loss }: Move): Promise<Mover> {
    const { step, options, repetition, sums } = movingPlan(plan(), {
      networks: pickNames(this.networks, (network) => moves.includes(network)),
      batch: Object.keys(parts[0]!),
      parts: parts.length,
      loss,
    });
    const program = await this.repeated.compile(step, options, repetition);
    const reads = Object.keys(options.inputs).filter((name) => !repetition.each.includes(name));
    return { program, reads: new Set(reads), sums };
  }
}

type Mover = {
  readonly program: RepeatedProgram;
  readonly reads: ReadonlySet<string>;
  /** Where the sums over the parts of a batch start. */
  readonly sums: NamedHostTensors;
};

/** @param parts the results of a move's runs */
function movedBy({ moves, loss }: Move, parts: readonly NamedHostTensors[]): Moved {
  const norms = Object.fromEntries(moves.map((network) => [network, scalarOf(parts.at(-1)!, NORM + network)]));
  const results = joinParts(parts.map((part) => pickNames(part, (name) => !name.startsWith(NORM))));
  const applied = [scalarOf(results, loss), ...Object.values(norms)].every(Number.isFinite);
  return { results, norms, applied, rescaled: false };
}
