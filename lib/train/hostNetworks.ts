/** Networks in host memory: the engine gives gradients, and the update is a pass over typed arrays, in place. */
import { freeTensors } from "../engine/freeTensors.js";
import type { Engine, NamedHostTensors, Program } from "../engine/types.js";
import { MadeOnce } from "../promises.js";
import { mapValues, pickNames } from "../records.js";
import { globalNorm } from "./adamW.js";
import { runParts } from "./batchParts.js";
import { bare, GRADIENT, scalarOf, underPrefix, withPrefix } from "./named.js";
import type { Move, Moved, NamedPlan, Networks, NetworksOptions, Rows } from "./networks.js";
import { Optimizer } from "./optimizer.js";
import { compilePlan } from "./plans.js";

export class HostNetworks implements Networks {
  readonly lossScale = undefined;
  private readonly engine: Engine;
  protected readonly frozen: NamedHostTensors;
  private readonly starts: NetworksOptions["networks"];
  private readonly programs = new MadeOnce<Compiled>();
  private current: Readonly<Record<string, Optimizer>> | undefined;

  constructor({ engine, networks, frozen = {} }: NetworksOptions) {
    this.engine = engine;
    this.frozen = frozen;
    this.starts = networks;
  }

  protected get optimizers(): Readonly<Record<string, Optimizer>> {
    this.current ??= this.started();
    return this.current;
  }

  private started(): Readonly<Record<string, Optimizer>> {
    return mapValues(this.starts, ({ initial, specs, optimizer }) => Optimizer.started(initial(), specs, optimizer));
  }

  async start(): Promise<void> {
    this.current ??= this.started();
  }

  async move({ moves, parts, loss, step, ...plan }: Move): Promise<Moved> {
    const { program, inputs } = await this.program(plan);
    const all = await runParts(program, this.feeds(inputs, "params"), { parts, free: this.free });
    const gradients = new Map(moves.map((network) => [network, underPrefix(GRADIENT + network, all)]));
    const norms = Object.fromEntries([...gradients].map(([network, named]) => [network, globalNorm(named)]));
    const results = pickNames(all, (name) => !name.startsWith(GRADIENT));
    const applied = [scalarOf(results, loss), ...Object.values(norms)].every(Number.isFinite);
    if (applied)
      for (const [network, named] of gradients)
        this.optimizers[network]!.update(named, { norm: norms[network]!, step });
    this.free(pickNames(all, (name) => name.startsWith(GRADIENT)));
    return { results, norms, applied, rescaled: false };
  }

  async use(plan: NamedPlan, inputs: NamedHostTensors): Promise<NamedHostTensors> {
    const compiled = await this.program(plan);
    return compiled.program.run({ ...this.feeds(compiled.inputs, "weights"), ...inputs });
  }

  async edit<T>(network: string, _parameter: string, edit: (rows: Rows) => T): Promise<T> {
    return edit(this.optimizers[network]!);
  }

  async weights(network: string): Promise<NamedHostTensors> {
    return this.optimizers[network]!.weights;
  }

  async state() {
    const states = mapValues(this.optimizers, (optimizer, network) => optimizer.state(bare(network)));
    const tensors: NamedHostTensors = Object.assign({}, ...Object.values(states).map((state) => state.tensors));
    return { tensors, updates: mapValues(states, ({ updates }) => updates) };
  }

  async restore({ tensors, updates, weights }: Parameters<Networks["restore"]>[0]): Promise<void> {
    this.current = mapValues(this.starts, ({ specs, optimizer }, network) => {
      const saved = { tensors, updates: updates[network] ?? 0, weights: weights[network] };
      return Optimizer.restored(bare(network), saved, specs, optimizer);
    });
  }

  async close(): Promise<void> {
    for (const { program } of await this.programs.takeAll()) await program.dispose();
  }

  /** Only results of ONNX Runtime are known to have their memory for themselves. */
  private readonly free = (tensors: NamedHostTensors): void => {
    if (this.engine.name === "onnxruntime") freeTensors(tensors);
  };

  /** Those of all weights, in training or to use, that a program reads. */
  private feeds(inputs: ReadonlySet<string>, kind: "params" | "weights"): NamedHostTensors {
    const feeds: NamedHostTensors = {};
    for (const [network, optimizer] of Object.entries(this.optimizers))
      Object.assign(feeds, withPrefix(network, optimizer[kind]));
    Object.assign(feeds, this.frozen);
    return pickNames(feeds, (name) => inputs.has(name));
  }

  private program({ key, plan }: NamedPlan): Promise<Compiled> {
    return this.programs.of(key, () => this.compile(plan()));
  }

  private async compile(plan: ReturnType<NamedPlan["plan"]>): Promise<Compiled> {
    return { program: await compilePlan(this.engine, plan), inputs: new Set(Object.keys(plan.options.inputs)) };
  }
}

type Compiled = { readonly program: Program; readonly inputs: ReadonlySet<string> };
