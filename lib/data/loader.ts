/** Batches of training from a thread of their own: an engine blocks the one that trains for as long as a step runs. */
import { quiet } from "../promises.js";
import { WorkerThread } from "../workerThread.js";
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
import type { LoaderJob } from "./loaderThread.js";
import { prefetch } from "./prefetch.js";
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
    make: async () => (await thread).ask("next"),
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

type LoaderThread = WorkerThread<"next", Batch, Damaged>;

/** @throws EngineError when images cannot be decoded here */
async function startThread(job: LoaderJob, onDamaged: (one: Damaged) => void): Promise<LoaderThread> {
  await loadDecoder(); // sharp wants to be loaded by the main thread first
  return new WorkerThread({
    module: new URL("./loaderThread.js", import.meta.url),
    name: "loads images",
    workerData: job,
    onTold: onDamaged,
  });
}
