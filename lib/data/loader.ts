/** Batches of training from a thread of their own: an engine blocks the one that trains for as long as a step runs. */
import { Worker } from "node:worker_threads";
import { expectedFailure } from "../errors.js";
import {
  type Batch,
  checkTraining,
  DEFAULT_PREFETCH,
  type TrainingBatches,
  type TrainingOptions,
  trainingBatches,
} from "./batches.js";
import { loadDecoder } from "./decode.js";
import type { FileTable } from "./fileTable.js";
import type { Damaged } from "./imageReader.js";
import type { FromLoader, LoaderJob, ToLoader } from "./loaderThread.js";
import { prefetch, quiet } from "./prefetch.js";
import type { ImageSource } from "./source.js";

export type LoaderOptions = TrainingOptions & { readonly source: ImageSource };

/**
 * The batches of `trainingBatches`. Where images are files, another thread decodes, crops, mirrors and makes floats of them,
 * and has the next batch ready as it is to be used: nothing is left to do between steps but to take it. What lies in memory
 * takes less time than a thread would.
 * @throws RangeError when an option is out of range
 */
export function openLoader(options: LoaderOptions): TrainingBatches {
  const { files } = options.source;
  return files ? threadedBatches(options, files) : trainingBatches(options);
}

function threadedBatches(options: LoaderOptions, files: FileTable): TrainingBatches {
  const { source, onDamaged, prefetch: ahead = DEFAULT_PREFETCH, ...rest } = options;
  checkTraining(options);
  const damaged: Damaged[] = [];
  const note = (one: Damaged): void => {
    damaged.push(one);
    onDamaged?.(one.name, one.reason);
  };
  // One of the batches ahead is the one that is ready.
  const thread = quiet(startThread({ ...rest, files, prefetch: Math.max(1, ahead - 1) }, note));
  const ready = prefetch({
    start: 0,
    ahead: 1,
    make: async () => (await thread).next(),
    finish: (batch: Batch) => batch,
  });
  return {
    next: () => ready.next(),
    get waited() {
      return ready.waited;
    },
    damaged,
    async close() {
      await ready.close();
      await thread.then(
        (started) => started.close(),
        () => {},
      );
    },
  };
}

/** @throws EngineError when images cannot be decoded here */
async function startThread(job: LoaderJob, onDamaged: (one: Damaged) => void): Promise<LoaderThread> {
  await loadDecoder(); // sharp wants to be loaded by the main thread first
  return new LoaderThread(job, onDamaged);
}

type Waiting = { readonly resolve: (batch: Batch) => void; readonly reject: (error: Error) => void };

/** The other thread, as this one sees it. */
class LoaderThread {
  readonly #worker: Worker;
  readonly #ended: Promise<void>;
  readonly #waiting: Waiting[] = [];
  #lost: Error | undefined;

  constructor(job: LoaderJob, onDamaged: (one: Damaged) => void) {
    // What was preloaded into this program is not meant for its threads.
    this.#worker = new Worker(new URL("./loaderThread.js", import.meta.url), { workerData: job, execArgv: [] });
    this.#worker.unref();
    this.#worker.on("message", (message: FromLoader) => {
      if ("damaged" in message) onDamaged(message.damaged);
      else this.#answer(message);
    });
    this.#worker.on("error", (error) => this.#lose(error as Error));
    this.#ended = new Promise((resolve) => {
      this.#worker.on("exit", (status) => {
        this.#lose(new Error(`the thread that loads images ended with status ${status}`));
        resolve();
      });
    });
  }

  /** The next batch; rejects with what making it threw. */
  next(): Promise<Batch> {
    if (this.#lost) return Promise.reject(this.#lost);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#ask("next");
    });
  }

  /** Settles when what is under way has, and the thread has ended. */
  async close(): Promise<void> {
    this.#ask("close"); // which one that was lost never hears of
    await this.#ended;
  }

  /** The thread keeps the process alive for as long as an answer is waited for. */
  #ask(message: ToLoader): void {
    this.#worker.ref();
    this.#worker.postMessage(message);
  }

  #answer(message: Exclude<FromLoader, { damaged: Damaged }>): void {
    const asked = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#worker.unref();
    if ("batch" in message) asked?.resolve(message.batch);
    else asked?.reject(failureOf(message));
  }

  #lose(error: Error): void {
    this.#lost ??= error;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#lost);
  }
}

/** The error as it was thrown: on the way between threads objects lose their class. */
function failureOf({ error, exitCode }: Extract<FromLoader, { error: unknown }>): Error {
  if (exitCode === undefined) return error;
  return Object.assign(expectedFailure(exitCode, error.message), { stack: error.stack ?? "" });
}
