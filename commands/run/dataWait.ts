/** How long the steps of a training wait for their data, and when that is worth a word. */
import type { TrainingReport } from "../../lib/train/runTraining.js";
import { formatPercent } from "../../lib/ui/format.js";

/** Share of the time above which waiting is told. */
const MUCH = 0.1;

/** Seconds that it must stay so, and intervals; the first batches always have to be waited for. */
const [LONG, SEVERAL] = [60, 3];

/** What to do, for images that are decoded while training goes on. */
export const ABOUT_IMAGES =
  "smaller files (images resized once to about the size that is trained on) or a faster disk would help, and so may a " +
  "core left to decoding, --threads one less than there are cores";

/** What to do, for token files. */
export const ABOUT_TOKENS = "a faster disk for the token files would help";

export type DataWait = {
  /** Takes account of an interval. */
  note(report: Pick<TrainingReport, "seconds" | "dataWait">): void;
  /** Share of all seconds so far, 0..1. */
  readonly share: number;
};

/**
 * Keeps account of waiting, and warns once when several intervals in a row, of a minute together, spent more than a tenth of
 * their time on it.
 * @param advice what would help, a clause
 */
export function watchDataWait(warn: (text: string) => void, advice: string): DataWait {
  const all = { seconds: 0, waited: 0 };
  let much = { intervals: 0, seconds: 0, waited: 0 };
  let told = false;
  return {
    note({ seconds, dataWait }) {
      const waited = dataWait * seconds;
      all.seconds += seconds;
      all.waited += waited;
      if (dataWait <= MUCH) much = { intervals: 0, seconds: 0, waited: 0 };
      else
        much = {
          intervals: much.intervals + 1,
          seconds: much.seconds + seconds,
          waited: much.waited + waited,
        };
      if (told || much.intervals < SEVERAL || much.seconds < LONG) return;
      told = true;
      warn(`${formatPercent(much.waited / much.seconds)} of the time goes into waiting for data; ${advice}`);
    },
    get share() {
      return all.seconds > 0 ? all.waited / all.seconds : 0;
    },
  };
}
