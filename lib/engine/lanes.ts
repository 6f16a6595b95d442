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

/** The lanes of an engine. They are started when first needed, and end with the last program in them. */
export class Lanes {
  readonly #lanes: Lane[] = [];
  /** Lanes that wait for work, and work that waits for a lane: never both. */
  readonly #idle: Lane[] = [];
  readonly #waiting: ((lane: Lane) => void)[] = [];
  #programs = 0;
  #numbers = 0;

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
    this.#programs++;
    if (this.#lanes.length === 0) {
      this.#lanes.push(...Array.from({ length: this.count }, () => new Lane()));
      this.#idle.push(...this.#lanes);
    }
    try {
      return (await Promise.all(this.#lanes.map((lane) => lane.open(job))))[0]!;
    } catch (error) {
      await this.#release(job.program);
      throw error;
    }
  }

  async #release(program: number): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.release(program)));
    if (--this.#programs > 0) return;
    this.#idle.length = 0;
    await Promise.all(this.#lanes.splice(0).map((lane) => lane.close()));
  }

  #nextFree(): Promise<Lane> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #give(lane: Lane): void {
    if (!this.#lanes.includes(lane)) return; // it was closed while it ran
    const next = this.#waiting.shift();
    if (next) next(lane);
    else this.#idle.push(lane);
  }
}

/** One thread, and the memory that carries inputs to it: handed over with a run, and back with its results. */
class Lane {
  readonly #thread = new WorkerThread<LaneQuestion, LaneAnswer>({
    module: new URL("./laneThread.js", import.meta.url),
    name: "computes",
  });
  readonly #memory = new Map<string, HostTensor["data"]>();

  async open(job: OpenLane): Promise<readonly string[]> {
    return (await this.#thread.ask({ open: job })).inputNames!;
  }

  async run(program: number, inputs: NamedHostTensors): Promise<NamedHostTensors> {
    const sent = mapValues(inputs, (tensor, name) => this.#copy(name, tensor));
    const { results, inputs: back } = await this.#thread.ask({ run: { program, inputs: sent } }, memoryOf(sent));
    for (const [name, { data }] of Object.entries(back!)) this.#memory.set(name, data);
    return results!;
  }

  async release(program: number): Promise<void> {
    await this.#thread.ask({ release: program });
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
