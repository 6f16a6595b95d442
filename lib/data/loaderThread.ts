/** What runs in the thread that `openLoader` starts: batches made ahead, and one given for each that is asked for. */
import { type MessagePort, parentPort, workerData } from "node:worker_threads";
import { answerQuestions } from "../workerThread.js";
import { type Batch, type TrainingOptions, trainingBatches } from "./batches.js";
import { type FileTable, imagesOf } from "./fileTable.js";
import type { Damaged } from "./imageReader.js";

export type LoaderJob = Omit<TrainingOptions, "source" | "onDamaged"> & { readonly files: FileTable };

if (parentPort) give(parentPort, workerData as LoaderJob);

function give(port: MessagePort, { files, ...options }: LoaderJob): void {
  const batches = trainingBatches({
    ...options,
    source: imagesOf(files),
    onDamaged: (name, reason) => tell({ name, reason }),
  });
  const tell = answerQuestions<"next", Batch, Damaged>(port, {
    async answer() {
      const batch = await batches.next();
      const handedOver = [batch.images, batch.labels, batch.indices].map(({ buffer }) => buffer as ArrayBuffer);
      return { answer: batch, handedOver };
    },
    close: () => batches.close(),
  });
}
