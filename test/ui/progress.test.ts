import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createReporter, type Reporter } from "../../lib/ui/progress.js";
import { hasColor, recorder, screenOf, terminalRecorder } from "./screen.js";

const test = suite("progress");

/** Everything a command says, at fixed times. */
function speak(report: Reporter, clock: { time: number }): void {
  report.info("engine onnxruntime on cpu");
  const spinner = report.spinner("scanning");
  report.warn("3 files are not images");
  spinner.succeed("scanned 300 images");
  const bar = report.bar({ total: 10, unit: "steps", label: "training" });
  for (let step = 5; step <= 10; step += 5) {
    clock.time += 2;
    bar.update(step);
    report.row({ step, loss: 1 / step, usage: 0.5, "images/s": 80, eta: 20 - 2 * step });
  }
  bar.stop();
  report.spinner("saving").fail("no space left");
  report.error("stopped\u001b[2J");
  report.stop();
}

const PLAIN = `engine onnxruntime on cpu
scanning...
warning: 3 files are not images
scanned 300 images
training   50%   5/10 steps  2.50 steps/s  ETA 2 s
  step      loss   usage  images/s      eta
     5    0.2000   50.0%      80.0     10 s
    10    0.1000   50.0%      80.0      0 s
training  100%  10/10 steps  2.50 steps/s  4.0 s
saving...
failed: no space left
error: stopped?[2J
`;

test("off a terminal everything is a plain line", async () => {
  const stream = recorder();
  const clock = { time: 0 };
  speak(await createReporter({ stream, now: () => clock.time }), clock);
  assert.is(stream.written, PLAIN);
});

test("so it is for programs, in CI and on a dumb terminal, with not one control character", async () => {
  for (const [env, json] of [
    [{}, true],
    [{ CI: "1" }, false],
    [{ TERM: "dumb" }, false],
    [{ FORCE_COLOR: "3", CI: "1" }, false],
  ] as const) {
    const stream = terminalRecorder(env);
    const clock = { time: 0 };
    speak(await createReporter({ stream, json, now: () => clock.time }), clock);
    assert.is(stream.written, PLAIN);
    assert.not(/[^\P{Cc}\n]/u.test(stream.written));
  }
});

test("off a terminal rows stand in for the lines of a bar", async () => {
  const stream = recorder();
  const clock = { time: 0 };
  const report = await createReporter({ stream, now: () => clock.time });
  const bar = report.bar({ total: 1000, unit: "steps", label: "training" });
  for (let step = 1; step <= 30; step++) {
    clock.time = step;
    bar.update(step);
    if (step % 6 === 0) report.row({ step });
  }
  assert.is(stream.written, "  step\n     6\n    12\n    18\n    24\n    30\n");
});

test("quiet leaves warnings and errors", async () => {
  for (const stream of [recorder(), terminalRecorder({ NO_COLOR: "1" })]) {
    const clock = { time: 0 };
    speak(await createReporter({ stream, quiet: true, now: () => clock.time }), clock);
    assert.is(stream.written, "warning: 3 files are not images\nfailed: no space left\nerror: stopped?[2J\n");
  }
});

const SCREEN = [
  "engine onnxruntime on cpu",
  "warning: 3 files are not images",
  "✔ scanned 300 images",
  "  step      loss   usage  images/s      eta",
  "     5    0.2000   50.0%      80.0     10 s",
  "    10    0.1000   50.0%      80.0      0 s",
  "training  100%  10/10 steps  2.50 steps/s  4.0 s",
  "✖ no space left",
  "error: stopped?[2J",
  "",
];

test("on a terminal spinner and bar stay below the lines and end as lines", async () => {
  const stream = terminalRecorder();
  const clock = { time: 0 };
  speak(await createReporter({ stream, now: () => clock.time }), clock);
  assert.equal(screenOf(stream.written), SCREEN);
  assert.match(stream.written, "\u001b[33mwarning:\u001b[0m 3 files");
  assert.match(stream.written, "\u001b[2m  step");
});

test("NO_COLOR leaves the movements and takes the colours", async () => {
  const stream = terminalRecorder({ NO_COLOR: "1" });
  const clock = { time: 0 };
  speak(await createReporter({ stream, now: () => clock.time }), clock);
  assert.equal(screenOf(stream.written), SCREEN);
  assert.not(hasColor(stream.written));
});

test("what begins to move ends what moved before, and stop ends everything", async () => {
  const stream = terminalRecorder();
  const report = await createReporter({ stream, now: () => 0 });
  report.spinner("one");
  report.bar({ total: 2, unit: "steps", label: "two" });
  report.spinner("three");
  report.stop();
  assert.equal(screenOf(stream.written), ["two    0%  0/2 steps  0 ms", ""]);
});

test("a stream with its methods on a prototype works too", async () => {
  class Stream {
    readonly isTTY = true;
    readonly env = {};
    text = "";
    write(text: string) {
      this.text += text;
    }
  }
  const stream = new Stream();
  (await createReporter({ stream, json: true })).info("here");
  assert.is(stream.text, "here\n");
});

test.run();
