/** The reporter of a command: progress on stderr. */
import type { TrainingReport } from "../../lib/train/runTraining.js";
import { createReporter, type Reporter } from "../../lib/ui/progress.js";

/** A reporter on stderr that minds `--quiet` and `--json`. */
export function openReporter({ quiet, json }: { quiet: boolean; json: boolean }): Promise<Reporter> {
  const { stderr } = process;
  const stream = {
    write: (text: string) => stderr.write(text),
    isTTY: stderr.isTTY === true,
    columns: stderr.columns ?? 80,
    env: process.env,
  };
  return createReporter({ stream, quiet, json });
}

/** One line of the table of a training. */
export function reportRow(reporter: Reporter, report: TrainingReport): void {
  const { rate, gradientNorm, encodeShare, ...metrics } = report.metrics;
  reporter.row({
    step: report.step,
    ...metrics,
    ...(gradientNorm === undefined ? {} : { "grad norm": gradientNorm }),
    ...(rate === undefined ? {} : { lr: rate }),
    ...(encodeShare === undefined ? {} : { encoding: encodeShare }),
    "images/s": report.imagesPerSecond,
    ...(report.skipped > 0 ? { skipped: report.skipped } : {}),
    eta: report.secondsLeft,
  });
}
