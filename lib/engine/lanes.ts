/**
 * Lanes: threads that run graphs side by side, each on its share of the processor.
 *
 * Within one graph all threads wait for the slowest after every operation, and operations of ONNX Runtime that know no
 * threads (`Split`, `Concat`, many casts) leave all but one idle. Parts of a batch that are computed side by side wait for
 * nothing until their results are added.
 */
import type { InferenceSession } from "onnxruntime-node";
import { mapValues, pickNames } from "../records.js";
import { WorkerThread } from "../workerThread.js";
import { checkInputs } from "./checkInputs.js";
import type { LaneAnswer, LaneQuestion, OpenLane } from "./laneThread.js";
import type { SplitModel } from "./onnx.js";
import { memoryOf } from "./sessionProgram.js";
import type { HostTensor, NamedHostTensors, Program, StepOptions } from "./types.js";
import { untilDisposed } from "./untilDisposed.js";

/** What a program in lanes is made of. */
export type LaneModel = SplitModel & { readonly settings: InferenceSession.SessionOptions };

type Waiting = { readonly resolve: (lane: Lane) => void; readonly reject: (error: Error) => void };

/**
 * The lanes of an engine. They are started when first needed, and end with the last program in them. One whose thread is lost fails
 * the run it has and gets no other; where all are, what was opened in them runs no more, and the next program starts new ones.
 */
export class Lanes {
  readonly #lanes: Lane[] = [];
  /** Lanes that wait for work, and work that waits for a lane: never both. */
  readonly #idle: Lane[] = [];
  readonly #waiting: Waiting[] = [];
  #programs = 0;
  #numbers = 0;
  /** What ended the lane that was lost last. */
  #lost: Error | undefined;

  constructor(readonly count: number) {}

  /** A program that runs in all lanes at once: as many runs go on side by side, further ones wait. */
  async open({ name, inputs }: StepOptions, model: LaneModel): Promise<Program> {
    const program = this.#numbers++;
    const read = new Set(await this.#openInAll({ program, name, ...model }));
    const { expectAlive, dispose } = untilDisposed(name, () => this.#release(program));
    return {
      name,
      lanes: this.count,
      run: async (given) => {
        expectAlive();
        checkInputs({ name, inputs }, given);
        this.#expectHeld(program);
        const lane = this.#idle.shift() ?? (await this.#nextFree());
        try {
          expectAlive(); // it may have been disposed while it waited
          return await lane.run(
            program,
            pickNames(given, (input) => read.has(input)),
          );
        } finally {
          this.#give(lane);
        }
      },
      dispose,
    };
  }

  /** @returns what the program reads */
  async #openInAll(job: OpenLane): Promise<readonly string[]> {
    this.#dropLost();
    this.#programs++;
    if (this.#lanes.length === 0) {
      this.#lanes.push(...Array.from({ length: this.count }, () => new Lane()));
      this.#idle.push(...this.#lanes);
    }
    try {
      return (await Promise.all(this.#lanes.map((lane) => lane.open(job))))[0]!;
    } catch (error) {
      await this.#release(job.program).catch(() => {}); // what failed first is told
      throw error;
    }
  }

  async #release(program: number): Promise<void> {
    try {
      await Promise.all(this.#lanes.map((lane) => lane.release(program)));
    } finally {
      this.#programs--;
      if (this.#programs === 0) await this.#end();
    }
  }

  async #end(): Promise<void> {
    this.#idle.length = 0;
    await Promise.all(this.#lanes.splice(0).map((lane) => lane.close()));
  }

  /** @throws what ended the last of them, where every lane that the program was opened in is lost */
  #expectHeld(program: number): void {
    this.#dropLost();
    if (!this.#lanes.some((lane) => lane.holds(program))) throw this.#lost!;
  }

  #nextFree(): Promise<Lane> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  #give(lane: Lane): void {
    this.#dropLost();
    if (!this.#lanes.includes(lane)) return; // it was closed while it ran, or is lost
    const next = this.#waiting.shift();
    if (next) next.resolve(lane);
    else this.#idle.push(lane);
  }

  /** Lanes whose thread ended get no more work; without any, what waits for one is refused. */
  #dropLost(): void {
    const lost = this.#lanes.filter((lane) => lane.lost);
    if (lost.length === 0) return;
    this.#lost = lost[0]!.lost;
    for (const list of [this.#lanes, this.#idle]) list.splice(0, list.length, ...list.filter((lane) => !lane.lost));
    if (this.#lanes.length === 0) for (const { reject } of this.#waiting.splice(0)) reject(this.#lost!);
  }
}

/** One thread, and the memory that carries inputs to it: handed over with a run, and back with its results. */
class Lane {
  readonly #thread = new WorkerThread<LaneQuestion, LaneAnswer>({
    module: new URL("./laneThread.js", import.meta.url),
    name: "computes",
  });
  readonly #memory = new Map<string, HostTensor["data"]>();
  readonly #programs = new Set<number>();

  /** What ended its thread, if that is lost. */
  get lost(): Error | undefined {
    return this.#thread.lost;
  }

  async open(job: OpenLane): Promise<readonly string[]> {
    const { inputNames } = await this.#thread.ask({ open: job });
    this.#programs.add(job.program);
    return inputNames!;
  }

  holds(program: number): boolean {
    return this.#programs.has(program);
  }

  async run(program: number, inputs: NamedHostTensors): Promise<NamedHostTensors> {
    const sent = mapValues(inputs, (tensor, name) => this.#copy(name, tensor));
    const { results, inputs: back } = await this.#thread.ask({ run: { program, inputs: sent } }, memoryOf(sent));
    for (const [name, { data }] of Object.entries(back!)) this.#memory.set(name, data);
    return results!;
  }

  /** A thread that is lost holds nothing any more. */
  async release(program: number): Promise<void> {
    this.#programs.delete(program);
    await this.#thread.ask({ release: program }).catch((error: unknown) => {
      if (!this.lost) throw error;
    });
  }

  close(): Promise<void> {
    return this.#thread.close();
  }

  #copy(name: string, { dtype, shape, data }: HostTensor): HostTensor {
    const known = this.#memory.get(name);
    this.#memory.delete(name); // what a run that fails was given does not come back
    const memory = known?.length === data.length && known.constructor === data.constructor ? known : data.slice();
    if (memory === known) memory.set(data);
    return { dtype, shape, data: memory };
  }
}
