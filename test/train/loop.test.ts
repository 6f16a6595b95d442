import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DivergedError, EXIT, StoppedError, type StopSignal } from "../../lib/errors.js";
import { type IntervalReport, type LoopOptions, type StepReport, trainLoop } from "../../lib/train/loop.js";
import { expectRejection } from "../support.js";

const test = suite("train/loop");

type Plan = Partial<Omit<LoopOptions, "step" | "log" | "save" | "signals">> & {
  /** Steps whose numbers are not finite. */
  bad?: readonly number[];
  /** Those of them that lowered the loss's scale. */
  rescaled?: readonly number[];
  /** Steps that a penalty follows, and whether its numbers are finite. */
  penalties?: Readonly<Record<number, boolean>>;
  /** Steps that are done at once where there is room. */
  atOnce?: number;
  /** What the process is told during a step. */
  signals?: Readonly<Record<number, StopSignal | "SIGUSR1">>;
  /** Milliseconds that a step takes by the clock of the loop. */
  takes?: number;
};

/** Runs the loop over steps whose loss is their number, and records what it did. */
async function run({ bad = [], rescaled = [], penalties = {}, atOnce = 1, signals = {}, takes = 0, ...options }: Plan) {
  const steps: number[] = [];
  const calls: number[] = [];
  let ahead = 0;
  const logs: IntervalReport[] = [];
  const saves: number[] = [];
  let stop: StopSignal | undefined;
  let saveRequested = false;
  const watch = {
    get stop() {
      return stop;
    },
    takeSaveRequest() {
      const requested = saveRequested;
      saveRequested = false;
      return requested;
    },
    close: () => {},
  };
  let milliseconds = 0;
  const { now } = performance;
  performance.now = () => milliseconds;
  const outcome = await trainLoop({
    start: 0,
    total: 10,
    logEvery: 4,
    checkpointEvery: 3,
    checkpointMinutes: 0,
    patience: 3,
    ...options,
    signals: watch,
    step: async (step, room): Promise<StepReport> => {
      steps.push(step);
      if (ahead > 0) ahead--;
      else {
        calls.push(Math.min(atOnce, room));
        ahead = Math.min(atOnce, room) - 1;
      }
      const signal = signals[step];
      if (signal === "SIGUSR1") saveRequested = true;
      else if (signal) stop = signal;
      milliseconds += takes;
      const applied = !bad.includes(step);
      const penalised = step in penalties ? { penalised: penalties[step]! } : {};
      return { metrics: { loss: step }, applied, rescaled: rescaled.includes(step), ahead, ...penalised };
    },
    log: async (report) => {
      logs.push(report);
    },
    save: async (step) => {
      saves.push(step);
    },
  })
    .catch((error: unknown) => error)
    .finally(() => {
      performance.now = now;
    });
  return { steps, calls, logs, saves, outcome };
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

test("every step is done once; logs and checkpoints come at their intervals and at the end", async () => {
  const { steps, logs, saves, outcome } = await run({});
  assert.equal(steps, range(0, 10));
  assert.equal(
    logs.map(({ step }) => step),
    [4, 8, 10],
  );
  assert.equal(saves, [3, 6, 9, 10]);
  assert.is(outcome, 0);
});

test("logged metrics are means over the interval", async () => {
  const { logs } = await run({});
  assert.equal(
    logs.map(({ metrics }) => metrics["loss"]),
    [1.5, 5.5, 8.5],
  );
  for (const { secondsPerStep, total } of logs) assert.ok(secondsPerStep >= 0 && total === 10);
});

test("a run that goes on does the steps that are left, at the same intervals", async () => {
  const { steps, logs, saves } = await run({ start: 6 });
  assert.equal(steps, range(6, 10));
  assert.equal(
    logs.map(({ step, metrics }) => [step, metrics["loss"]]),
    [
      [8, 6.5],
      [10, 8.5],
    ],
  );
  assert.equal(saves, [9, 10]);
});

test("a run with all steps done does nothing", async () => {
  const { steps, logs, saves, outcome } = await run({ start: 10 });
  assert.equal([steps, logs, saves, outcome], [[], [], [], 0]);
});

test("steps that are done at once stop before a log line, a checkpoint and the end", async () => {
  const want = await run({});
  const { calls, ...got } = await run({ atOnce: 4 });
  assert.equal(calls, [3, 1, 2, 2, 1, 1]);
  for (const { logs } of [want, got]) for (const log of logs) Object.assign(log, { seconds: 0, secondsPerStep: 0 });
  const { calls: _, ...rest } = want;
  assert.equal(got, rest);
  assert.equal((await run({ atOnce: 2, logEvery: 5, checkpointEvery: 5 })).calls, [2, 2, 1, 2, 2, 1]);
});

test("a signal is answered when the steps that were done at once are told of", async () => {
  const { steps, saves, outcome } = await run({ atOnce: 4, checkpointEvery: 8, signals: { 1: "SIGTERM" } });
  assert.instance(outcome, StoppedError);
  assert.equal([steps, saves], [range(0, 4), [4]]);
  const asked = await run({ atOnce: 4, checkpointEvery: 8, signals: { 1: "SIGUSR1" } });
  assert.equal([asked.steps, asked.saves], [range(0, 10), [4, 8, 10]]);
});

test("skipped steps are counted and left out of the means", async () => {
  const { logs, outcome } = await run({ bad: [1, 2, 5] });
  assert.is(outcome, 3);
  assert.equal(
    logs.map(({ metrics, skipped }) => [metrics["loss"], skipped]),
    [
      [1.5, 2],
      [(4 + 6 + 7) / 3, 3],
      [8.5, 3],
    ],
  );
});

test("an interval of skipped steps alone has no metrics", async () => {
  const { logs } = await run({ bad: [2, 3], logEvery: 2 });
  assert.equal(logs[1]!.metrics, {});
});

test("no checkpoint is written while steps are being skipped", async () => {
  assert.equal((await run({ bad: [1, 2] })).saves, [6, 9, 10], "the one due after step 3 is left out");
  assert.equal((await run({ bad: [8, 9] })).saves, [3, 6], "nor the last one");
});

test("patience steps skipped in a row end the run with exit code 5, the last checkpoint standing", async () => {
  const { steps, saves, outcome } = await run({ bad: [4, 5, 6, 7] });
  assert.instance(outcome, DivergedError);
  assert.is((outcome as DivergedError).exitCode, EXIT.diverged);
  assert.match((outcome as Error).message, /step 7: .*3 steps in a row.*--resume/);
  assert.equal(steps, range(0, 7));
  assert.equal(saves, [3]);
});

test("a run that is resumed and has no finite step is told that its checkpoint may be what is wrong", async () => {
  const wrong = await run({ start: 3, bad: [3, 4, 5] });
  assert.match((wrong.outcome as Error).message, /step 6: .*none was since step 3.*--resume.*the one before/);
  const later = await run({ start: 3, bad: [4, 5, 6] });
  assert.match((later.outcome as Error).message, /the last checkpoint is intact/);
});

test("as many skipped steps with sound ones between them do not", async () => {
  const { steps, outcome } = await run({ bad: [0, 1, 3, 4, 6, 7] });
  assert.equal(steps, range(0, 10));
  assert.is(outcome, 6);
});

for (const [signal, exitCode] of [
  ["SIGINT", 130],
  ["SIGTERM", 143],
  ["SIGHUP", 129],
] as const)
  test(`${signal} saves after the step it came in, then stops with ${exitCode}`, async () => {
    const { steps, saves, outcome } = await run({ signals: { 4: signal } });
    assert.instance(outcome, StoppedError);
    assert.is((outcome as StoppedError).exitCode, exitCode);
    assert.match((outcome as Error).message, new RegExp(`${signal} after step 5, saved; --resume`));
    assert.equal(steps, range(0, 5));
    assert.equal(saves, [3, 5]);
  });

test("a stop where a checkpoint is due anyway saves once", async () => {
  const { saves } = await run({ signals: { 5: "SIGINT" } });
  assert.equal(saves, [3, 6]);
});

test("a stop in the last step lets the run finish", async () => {
  const { outcome, saves } = await run({ signals: { 9: "SIGTERM" } });
  assert.is(outcome, 0);
  assert.equal(saves, [3, 6, 9, 10]);
});

test("SIGUSR1 saves once and the run goes on", async () => {
  const { steps, saves, outcome } = await run({ signals: { 3: "SIGUSR1" } });
  assert.equal(steps, range(0, 10));
  assert.equal(saves, [3, 4, 6, 9, 10]);
  assert.is(outcome, 0);
});

test("an error in a step ends the run as it is, without a checkpoint", async () => {
  const failing = trainLoop({
    start: 0,
    total: 3,
    logEvery: 1,
    checkpointEvery: 1,
    checkpointMinutes: 0,
    patience: 1,
    signals: { stop: undefined, takeSaveRequest: () => false, close: () => {} },
    step: async () => {
      throw new Error("out of data");
    },
    log: async () => assert.unreachable("logged"),
    save: async () => assert.unreachable("saved"),
  });
  await expectRejection(failing, Error, /^out of data$/);
});

test("a training that is over ends after the log line that says so, and saves", async () => {
  let asked = 0;
  const { steps, logs, saves, outcome } = await run({
    total: 100,
    logEvery: 4,
    checkpointEvery: 50,
    isOver: () => ++asked === 3,
  });
  assert.equal(steps, range(0, 12));
  assert.equal(
    logs.map(({ step }) => step),
    [4, 8, 12],
  );
  assert.equal([saves, outcome], [[12], 0]);
});

test("steps that lowered the loss's scale are skipped and counted, but are no divergence and hold no checkpoint back", async () => {
  const { logs, saves, outcome } = await run({ bad: range(1, 8), rescaled: range(1, 8) });
  assert.is(outcome, 7);
  assert.equal(saves, [3, 6, 9, 10]);
  assert.equal(logs[0]!.skipped, 3);
});

test("slow steps have a checkpoint whenever so much time has passed since the last one, but none while steps are skipped", async () => {
  const slow = { takes: 40_000, total: 6, checkpointEvery: 100, checkpointMinutes: 1 };
  assert.equal((await run(slow)).saves, [2, 4, 6]);
  assert.equal((await run({ ...slow, checkpointMinutes: 0 })).saves, [6]);
  assert.equal((await run({ ...slow, bad: [1, 2] })).saves, [4, 6]);
});

test("penalties that are not finite are no skipped steps, but end a run when all of them are", async () => {
  const every = (good: readonly number[]) =>
    Object.fromEntries([0, 2, 4, 6, 8].map((step) => [step, good.includes(step)]));
  const some = await run({ penalties: every([4]) });
  assert.equal([some.outcome, some.saves], [0, [3, 6, 9, 10]]);
  const none = await run({ penalties: every([]) });
  assert.equal(none.steps, range(0, 5)); // 0, 2 and 4
  assert.equal(none.saves, [3]);
  assert.instance(none.outcome, DivergedError);
  assert.match((none.outcome as DivergedError).message, /^step 5: the penalty .* was not finite 3 times in a row/);
  assert.is((await run({ penalties: every([]), rescaled: [0, 2, 4, 6, 8] })).outcome, 0);
});

test("between them, steps that diverge are still in a row", async () => {
  const { steps, outcome } = await run({ bad: range(1, 8), rescaled: [2, 4] });
  assert.instance(outcome, DivergedError);
  assert.equal(steps, range(0, 6)); // 1, 3 and 5
});

test.run();
