/** Networks on a device with memory of its own: weights, moments and averages stay there, and updates are programs. */
import * as tf from "@tensorflow/tfjs";
import { disposeAll } from "../engine/resident.js";
import type { NamedDeviceTensors, NamedHostTensors, Resident, ResidentProgram, Step } from "../engine/types.js";
import { MadeOnce } from "../promises.js";
import { mapNames, mapValues, pickNames } from "../records.js";
import { adamWPlan, asAdamW, NEXT, NORM, updateScalars } from "./adamWStep.js";
import { runParts } from "./batchParts.js";
import { LOSS_SCALE, LossScale } from "./lossScale.js";
import { bare, GRADIENT, scalarOf, underPrefix, withPrefix } from "./named.js";
import type { Move, Moved, NamedPlan, Networks, NetworksOptions, Rows } from "./networks.js";
import { AVERAGE, Optimizer } from "./optimizer.js";
import type { Plan } from "./plans.js";

type Network = ReturnType<typeof asAdamW>;
type Kind = "params" | "use";

export class ResidentNetworks implements Networks {
  private readonly networks: Readonly<Record<string, Network>>;
  private readonly frozen: NamedHostTensors;
  private readonly programs = new MadeOnce<Compiled>();
  private updates: Record<string, number>;
  /** Where gradients are made of float16 products. */
  private readonly scale: LossScale | undefined;
  /** `NETWORK/part/parameter`, and what is frozen by the name of its input; placed when first needed. */
  private placed: Promise<NamedDeviceTensors> | undefined;

  /** @throws RangeError for a rule other than AdamW */
  constructor(
    { engine, networks, frozen = {} }: NetworksOptions,
    private readonly resident: Resident,
  ) {
    this.networks = mapValues(networks, asAdamW);
    this.updates = mapValues(networks, () => 0);
    this.frozen = frozen;
    this.scale = engine.precision === "float16" ? new LossScale() : undefined;
  }

  get lossScale(): number | undefined {
    return this.scale?.scale;
  }

  async start(): Promise<void> {
    await this.tensors();
  }

  async move({ moves, parts, loss, step, key, plan }: Move): Promise<Moved> {
    const compiled = await this.compiled(key, () => (this.scale ? withScale(plan()) : plan()), isGradient);
    const feeds = { ...(await this.feeds(compiled, "params")), ...this.scale?.input };
    let gradients: NamedDeviceTensors = {};
    const run = async (inputs: NamedHostTensors) => {
      const { host, device } = await compiled.program.run({ ...feeds, ...inputs });
      gradients = await this.sum(gradients, device);
      return host;
    };
    try {
      const results = await runParts({ run }, {}, { parts });
      const finite = Number.isFinite(scalarOf(results, loss));
      const norms = finite ? await this.update(moves, gradients, { step, parts: parts.length }) : {};
      const applied = finite && Object.values(norms).every(Number.isFinite);
      return { results, norms, applied, rescaled: this.rescale(applied) && finite };
    } finally {
      disposeAll(gradients);
    }
  }

  async use({ key, plan }: NamedPlan, inputs: NamedHostTensors): Promise<NamedHostTensors> {
    const compiled = await this.compiled(key, plan, () => false);
    return (await compiled.program.run({ ...(await this.feeds(compiled, "use")), ...inputs })).host;
  }

  async edit<T>(network: string, parameter: string, edit: (rows: Rows) => T): Promise<T> {
    const tensors = await this.tensors();
    const own = pickNames(tensors, (name) => name.startsWith(network) && name.endsWith(`/${parameter}`));
    const fetched = await this.resident.fetch(own);
    const { specs, start } = this.networks[network]!;
    const weights = { [parameter]: fetched[`${network}${this.partInUse(network)}/${parameter}`]! };
    const saved = { tensors: fetched, updates: this.updates[network]!, weights };
    const optimizer = Optimizer.restored(bare(network), saved, { [parameter]: specs[parameter]! }, start.optimizer);
    const result = edit(optimizer);
    const changed = await this.resident.place(optimizer.everything(bare(network)));
    disposeAll(own);
    Object.assign(tensors, changed);
    return result;
  }

  async weights(network: string): Promise<NamedHostTensors> {
    const prefix = `${network}${this.partInUse(network)}/`;
    return underPrefix(prefix, await this.fetched((name) => name.startsWith(prefix)));
  }

  async state() {
    const averages = Object.keys(this.networks).map((network) => `${network}${AVERAGE}/`);
    const isState = (name: string) =>
      !Object.hasOwn(this.frozen, name) && !averages.some((prefix) => name.startsWith(prefix));
    const scale = this.scale ? { lossScale: this.scale.save() } : {};
    return { tensors: await this.fetched(isState), updates: { ...this.updates }, ...scale };
  }

  async restore({ tensors, updates, weights, lossScale }: Parameters<Networks["restore"]>[0]): Promise<void> {
    this.scale?.restore(lossScale);
    const host: NamedHostTensors = { ...this.frozen };
    for (const [network, { start }] of Object.entries(this.networks)) {
      const saved = { tensors, updates: updates[network] ?? 0, weights: weights[network] };
      const optimizer = Optimizer.restored(bare(network), saved, start.specs, start.optimizer);
      Object.assign(host, optimizer.everything(bare(network)));
    }
    await this.clear();
    this.updates = mapValues(this.networks, (_, network) => updates[network] ?? 0);
    this.placed = this.resident.place(host);
    await this.placed;
  }

  async close(): Promise<void> {
    await this.clear();
    for (const { program } of await this.programs.takeAll()) await program.dispose();
  }

  /** Lets the scale know of a step; returns whether it was lowered. */
  private rescale(applied: boolean): boolean {
    if (!applied) return this.scale?.failed() ?? false;
    this.scale?.succeeded();
    return false;
  }

  /** Moves networks by gradients on the device; gives their norms. */
  private async update(
    moves: readonly string[],
    gradients: NamedDeviceTensors,
    { step, parts }: { step: number; parts: number },
  ): Promise<Record<string, number>> {
    const networks = Object.fromEntries(moves.map((network) => [network, this.networks[network]!]));
    const compiled = await this.compiled(
      `update ${moves.join(" ")}`,
      () => adamWPlan(networks),
      (name) => name.startsWith(NEXT),
    );
    const scalars = Object.entries(networks).map(([network, adamW]) => {
      const rate = adamW.start.optimizer.schedule(step);
      const divisor = parts * (this.lossScale ?? 1);
      return updateScalars(network, adamW, { rate, step: this.updates[network]! + 1, divisor });
    });
    const tensors = await this.tensors();
    const own = pickNames(tensors, (name) => compiled.inputs.has(name));
    const inputs = Object.assign({}, own, gradients, ...scalars);
    const { host, device } = await compiled.program.run(inputs);
    disposeAll(own);
    Object.assign(tensors, underPrefix(NEXT, device));
    const norms = mapValues(networks, (_, network) => scalarOf(host, NORM + network));
    if (Object.values(norms).every(Number.isFinite)) for (const network of moves) this.updates[network]!++;
    return norms;
  }

  /** The sum of the gradients of parts; takes both over. */
  private async sum(before: NamedDeviceTensors, more: NamedDeviceTensors): Promise<NamedDeviceTensors> {
    if (Object.keys(before).length === 0) return more;
    const compiled = await this.compiled(`sum of ${Object.keys(more).join(" ")}`, () => sumPlan(more), isGradient);
    const inputs = { ...mapNames(before, (name) => SUM + name), ...mapNames(more, (name) => MORE + name) };
    const { device } = await compiled.program.run(inputs);
    disposeAll(before);
    disposeAll(more);
    return device;
  }

  /** What a program reads of the state: weights in training, or those to use. */
  private async feeds({ inputs }: Compiled, kind: Kind): Promise<NamedDeviceTensors> {
    const tensors = await this.tensors();
    const feeds = pickNames(tensors, (name) => Object.hasOwn(this.frozen, name));
    for (const network of Object.keys(this.networks)) {
      const part = kind === "params" ? kind : this.partInUse(network);
      Object.assign(feeds, withPrefix(network, underPrefix(`${network}${part}/`, tensors)));
    }
    return pickNames(feeds, (name) => inputs.has(name));
  }

  private partInUse(network: string): string {
    return this.networks[network]!.options.ema > 0 ? AVERAGE : "params";
  }

  private async fetched(isWanted: (name: string) => boolean): Promise<NamedHostTensors> {
    return this.resident.fetch(pickNames(await this.tensors(), isWanted));
  }

  private tensors(): Promise<NamedDeviceTensors> {
    this.placed ??= this.resident.place({ ...this.frozen, ...this.startState() });
    return this.placed;
  }

  private startState(): NamedHostTensors {
    const states = Object.entries(this.networks).map(([network, { start }]) =>
      Optimizer.started(start.initial(), start.specs, start.optimizer).everything(bare(network)),
    );
    return Object.assign({}, ...states);
  }

  private async clear(): Promise<void> {
    const tensors = await this.placed?.catch(() => undefined); // whoever asked for them knows
    this.placed = undefined;
    if (tensors) disposeAll(tensors);
  }

  private compiled(key: string, plan: () => Plan, stays: (result: string) => boolean): Promise<Compiled> {
    return this.programs.of(key, () => compile(this.resident, plan(), stays));
  }
}

type Compiled = { readonly program: ResidentProgram; readonly inputs: ReadonlySet<string> };

const SUM = "sum/";
const MORE = "more/";

const isGradient = (name: string) => name.startsWith(GRADIENT);

async function compile(resident: Resident, { step, options }: Plan, stays: (result: string) => boolean) {
  return { program: await resident.compile(step, options, stays), inputs: new Set(Object.keys(options.inputs)) };
}

/** A plan whose step is given the scale of the loss, too. */
function withScale({ step, options }: Plan): Plan {
  return {
    step,
    options: { ...options, inputs: { ...options.inputs, [LOSS_SCALE]: { dtype: "float32", shape: [] } } },
  };
}

/** `sum/x + more/x` as `x`. */
function sumPlan(gradients: NamedDeviceTensors): Plan {
  const specs = mapValues(gradients, ({ dtype, shape }) => ({ dtype, shape }));
  const inputs = { ...mapNames(specs, (name) => SUM + name), ...mapNames(specs, (name) => MORE + name) };
  const step: Step = (given) => mapValues(specs, (_, name) => tf.add(given[SUM + name]!, given[MORE + name]!));
  return { step, options: { name: "sum of gradients", inputs } };
}
