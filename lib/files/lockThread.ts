/** The thread that touches a lock every few seconds, so that others see that its holder lives. */
import { utimesSync } from "node:fs";
import { workerData } from "node:worker_threads";

/** What the thread is given. */
export type Touching = {
  readonly file: string;
  /** Milliseconds. */
  readonly every: number;
};

if (workerData !== null) touch(workerData as Touching);

function touch({ file, every }: Touching): void {
  setInterval(() => {
    const now = new Date();
    try {
      utimesSync(file, now, now);
    } catch {
      // gone with its folder, or the disk is away: whoever saves next will hear of it
    }
  }, every);
}
