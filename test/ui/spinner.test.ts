import ora from "ora";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { liveSpinner, plainSpinner } from "../../lib/ui/spinner.js";
import { terminalOf } from "../../lib/ui/terminal.js";
import { hasColor, screenOf, terminalRecorder } from "./screen.js";

const test = suite("spinner");

function start(env: Record<string, string> = {}) {
  const stream = terminalRecorder(env);
  return { stream, spinner: liveSpinner(terminalOf(stream), "scanning", ora) };
}

test("a spinner shows its text while it turns and a line with a tick when it has succeeded", () => {
  const { stream, spinner } = start();
  assert.equal(screenOf(stream.written), ["⠋ scanning"]);
  spinner.succeed("scanned 300 images");
  assert.equal(screenOf(stream.written), ["✔ scanned 300 images", ""]);
});

test("a failed spinner leaves its latest text with a cross", () => {
  const { stream, spinner } = start();
  spinner.update("reading");
  spinner.fail();
  assert.equal(screenOf(stream.written), ["✖ reading", ""]);
});

test("a stopped spinner leaves nothing and shows the cursor again", () => {
  const { stream, spinner } = start();
  spinner.stop();
  assert.equal(screenOf(stream.written), [""]);
  assert.ok(stream.written.lastIndexOf("\u001b[?25h") > stream.written.lastIndexOf("\u001b[?25l"));
  spinner.succeed();
  assert.equal(screenOf(stream.written), [""], "an ended spinner stays ended");
});

test("lines appear above a spinner", () => {
  const { stream, spinner } = start();
  spinner.above("warning: 3 files are not images\n");
  assert.equal(screenOf(stream.written), ["warning: 3 files are not images", "⠋ scanning"]);
  spinner.succeed();
  spinner.above("after\n");
  assert.equal(screenOf(stream.written), ["warning: 3 files are not images", "✔ scanning", "after", ""]);
});

test("NO_COLOR takes the colours away and nothing else", () => {
  const [plain, colored] = [start({ NO_COLOR: "1" }), start()];
  for (const { spinner } of [plain, colored]) spinner.succeed();
  assert.not(hasColor(plain.stream.written));
  assert.match(colored.stream.written, "\u001b[32m✔\u001b[0m scanning");
  assert.equal(screenOf(plain.stream.written), screenOf(colored.stream.written));
});

test("off a terminal there is a line at either end", () => {
  const lines: string[] = [];
  const print = (line: string) => void lines.push(line);
  plainSpinner("scanning", print, print).succeed("scanned 300 images");
  const second = plainSpinner("compiling", print, print);
  second.update("compiling the decoder");
  second.fail();
  second.succeed("never said");
  plainSpinner("waiting", print, print).stop();
  assert.equal(lines, [
    "scanning...",
    "scanned 300 images",
    "compiling...",
    "failed: compiling the decoder",
    "waiting...",
  ]);
});

test.run();
