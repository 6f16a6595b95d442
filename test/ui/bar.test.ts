import cliProgress from "cli-progress";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { liveBar, plainBar } from "../../lib/ui/bar.js";
import { terminalOf } from "../../lib/ui/terminal.js";
import { screenOf, terminalRecorder } from "./screen.js";

const test = suite("bar");

const images = { total: 1000, unit: "images", label: "encoding" };

function plain(options = images) {
  const clock = { time: 0 };
  const lines: string[] = [];
  const bar = plainBar({ ...options, now: () => clock.time }, (line) => lines.push(line));
  const at = (time: number, done: number) => {
    clock.time = time;
    bar.update(done);
  };
  return { clock, lines, bar, at };
}

test("off a terminal a line comes with every tenth, a second apart, and one at the end", () => {
  const { bar, lines, at } = plain();
  at(0.5, 100); // a tenth, but too soon
  at(1, 150);
  at(2, 200); // not a tenth more
  at(3, 300);
  at(5, 1000);
  bar.stop();
  bar.stop();
  assert.equal(lines, [
    "encoding   15%    150/1,000 images  150 images/s  ETA 6 s",
    "encoding   30%    300/1,000 images  100 images/s  ETA 7 s",
    "encoding  100%  1,000/1,000 images  200 images/s  5.0 s",
  ]);
});

test("when it is slow a line comes every ten seconds", () => {
  const { lines, at } = plain();
  for (let time = 1; time <= 25; time++) at(time, time);
  assert.equal(lines, [
    "encoding    1%     10/1,000 images  1.00 images/s  ETA 16m 30s",
    "encoding    2%     20/1,000 images  1.00 images/s  ETA 16m 20s",
  ]);
});

test("a line is spared when something else has just shown progress", () => {
  const { bar, lines, at } = plain();
  for (let time = 1; time <= 25; time++) {
    at(time, time);
    if (time % 5 === 0) bar.note();
  }
  assert.equal(lines, []);
});

test("a resumed bar does not count what was done before, and extras stay", () => {
  const { clock, bar, lines } = plain({ ...images, start: 500 } as typeof images);
  clock.time = 1;
  bar.update(600, { loss: 0.5 });
  clock.time = 2;
  bar.update(700);
  assert.match(lines[1]!, "encoding   70%    700/1,000 images  100 images/s  ETA 3 s  loss 0.5000");
});

function live(columns = 80, options = images) {
  const stream = { ...terminalRecorder(), columns };
  const bar = liveBar({ ...options, now: () => 0 }, terminalOf(stream), cliProgress.SingleBar);
  return { stream, bar };
}

test("on a terminal one line is redrawn, with a bar as long as what is done", () => {
  const { stream, bar } = live();
  assert.equal(screenOf(stream.written), [`encoding  ${"░".repeat(28)}    0%      0/1,000 images  ETA -`]);
  bar.update(500);
  bar.above("a line\n"); // drawing is throttled; the end draws
  bar.stop();
  const screen = screenOf(stream.written);
  assert.equal(screen.slice(0, 1), ["a line"]);
  assert.match(screen[1]!, /^encoding {3}50% {4}500\/1,000 images/);
  assert.equal(screen.slice(2), [""]);
});

test("lines above a bar do not garble it, nor do lines after its end", () => {
  const { stream, bar } = live();
  bar.above("one\ntwo\n");
  const [, , below] = screenOf(stream.written);
  assert.equal(screenOf(stream.written), [
    "one",
    "two",
    `encoding  ${"░".repeat(28)}    0%      0/1,000 images  ETA -`,
  ]);
  assert.ok(below);
  bar.update(1000);
  bar.stop();
  bar.stop();
  bar.above("three\n");
  const screen = screenOf(stream.written);
  assert.equal([...screen.slice(0, 2), ...screen.slice(3)], ["one", "two", "three", ""]);
  assert.match(screen[2]!, "encoding  100%  1,000/1,000 images");
});

test("a narrow terminal gets a shorter bar, then none, and never a line that wraps", () => {
  const shown = (columns: number) => {
    const { stream, bar } = live(columns);
    const [line] = screenOf(stream.written);
    bar.stop();
    return line!;
  };
  for (const columns of [60, 50, 40, 20]) assert.ok(shown(columns).length < columns, `${columns} columns`);
  assert.match(shown(60), "░");
  assert.not(shown(40).includes("░"));
  assert.is(shown(20), "encoding    0%     ");
});

test("a bar neither hides the cursor nor switches wrapping off, so a killed program leaves nothing behind", () => {
  const { stream, bar } = live();
  bar.update(10);
  bar.stop();
  assert.not(stream.written.includes("\u001b[?"));
});

test("nothing to do is done", () => {
  const { bar, lines } = plain({ ...images, total: 0 });
  bar.stop();
  assert.equal(lines, ["encoding  100%  0/0 images  0 ms"]);
});

test.run();
