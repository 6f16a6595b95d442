/** What runs in the thread that `openLoader` starts: batches made ahead, and one given for each that is asked for. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { VitvqError } from "../errors.js";
import { type Batch, type TrainingOptions, trainingBatches } from "./batches.js";
import { type FileTable, imagesOf } from "./fileTable.js";
import type { Damaged } from "./imageReader.js";

export type LoaderJob = Omit<TrainingOptions, "source" | "onDamaged"> & { readonly files: FileTable };

export type ToLoader = "next" | "close";

export type FromLoader =
  | { readonly batch: Batch }
  | { readonly damaged: Damaged }
  /** `exitCode` is there when the error is one that users can meet. */
  | { readonly error: Error; readonly exitCode?: number };

if (parentPort) answer(parentPort, workerData as LoaderJob);

function answer(port: MessagePort, { files, ...options }: LoaderJob): void {
  const batches = trainingBatches({
    ...options,
    source: imagesOf(files),
    onDamaged: (name, reason) => send({ damaged: { name, reason } }),
  });

  // One after the other: of two batches that are waited for at once, the second may be ready first.
  let answered = Promise.resolve();
  port.on("message", (message: ToLoader) => {
    answered = answered.then(message === "next" ? give : end);
  });

  /** The next batch, its memory handed over. */
  async function give(): Promise<void> {
    try {
      const batch = await batches.next();
      send(
        { batch },
        [batch.images, batch.labels, batch.indices].map(({ buffer }) => buffer as ArrayBuffer),
      );
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      send({ error, ...(error instanceof VitvqError ? { exitCode: error.exitCode } : {}) });
    }
  }

  /** With nobody to listen to, the thread ends when what is under way has settled. */
  async function end(): Promise<void> {
    await batches.close();
    port.close();
  }

  function send(message: FromLoader, handedOver: ArrayBuffer[] = []): void {
    port.postMessage(message, handedOver);
  }
}
