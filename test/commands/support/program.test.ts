import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { example, run } from "./spawn.js";

const test = suite("commands/support/program");

const script = fileURLToPath(new URL("./exampleProgram.js", import.meta.url));

/** Runs a shell command in which `vitvq` is the example program. */
const inShell = (command: string) =>
  run("sh", ["-c", `vitvq() { "${process.execPath}" "${script}" "$@"; }; ${command}`]);

test("--help lists the commands, --version prints the version", async () => {
  const help = await example("--help");
  assert.equal([help.status, help.stderr], [0, ""]);
  assert.match(help.stdout, /train +Pretend to train/);
  assert.equal(await example("--version"), { status: 0, stdout: "1.2.3\n", stderr: "" });
});

test("a command's help is the same by flag, by letter and by the help command", async () => {
  const help = await example("train", "--help");
  assert.equal([help.status, help.stderr], [0, ""]);
  assert.match(help.stdout, /^vitvq train \[images\.\.\.\] \[options\]\n\nPretend to train\n/);
  assert.equal(await example("-h", "train", "--nonsense"), help);
  assert.equal(await example("help", "train"), help);
});

test("help stays within 80 columns when there is no terminal", async () => {
  const { stdout } = await example("train", "--help");
  assert.ok(stdout.split("\n").every((line) => line.length <= 80));
});

test("without a command there is a complaint that lists them, and status 2", async () => {
  const { status, stdout, stderr } = await example();
  assert.equal([status, stdout], [2, ""]);
  assert.is(stderr, "vitvq: name a command: train, fail; vitvq --help says what each does\n");
});

test("an unknown command or a wrong first option is answered with the nearest name", async () => {
  assert.is((await example("trian")).stderr, 'vitvq: unknown command "trian"; did you mean train?\n');
  assert.is((await example("constructor")).stderr, 'vitvq: unknown command "constructor"; vitvq --help lists them\n');
  assert.is((await example("--verison")).stderr, "vitvq: unknown option --verison; did you mean --version?\n");
  assert.match((await example("--config", "a", "train")).stderr, /the command comes before its options/);
});

test("flags may stand before the command", async () => {
  const { status, stdout } = await example("--json", "train", "-o", "x");
  assert.is(status, 0);
  assert.is((JSON.parse(stdout) as { config: { out: string } }).config.out, "x");
});

test("an expected error is one line and its own exit code; --debug adds the stack", async () => {
  const plain = await example("fail");
  assert.equal(plain, { status: 3, stdout: "", stderr: "vitvq: images/: no images here\n" });
  const debug = await example("fail", "--debug");
  assert.match(debug.stderr, /^vitvq: images\/: no images here\nDataError: .*\n +at /);
});

test("with --json an error is also the one object on stdout", async () => {
  const { status, stdout } = await example("fail", "--json");
  assert.is(status, 3);
  assert.equal(JSON.parse(stdout), { error: { message: "images/: no images here", exitCode: 3 } });
  const usage = await example("fail", "--json", "--hwo", "x");
  assert.equal((JSON.parse(usage.stdout) as { error: { exitCode: number } }).error.exitCode, 2);
});

test("flags that failures and help look for may be written with a value", async () => {
  const { stdout, stderr } = await example("fail", "--json=true", "--debug=true");
  assert.equal(JSON.parse(stdout), { error: { message: "images/: no images here", exitCode: 3 } });
  assert.match(stderr, /\n +at /);
  assert.is((await example("fail", "--json=false")).stdout, "");
  assert.match((await example("train", "--help=true")).stdout, /^vitvq train /);
  assert.match((await example("--help=true")).stdout, /^vitvq <command>/);
  assert.match((await example("--json=true")).stderr, /name a command/);
});

test("a name in an error commands no terminal, and stays as it is in JSON", async () => {
  const { stdout, stderr } = await example("fail", "--how", "escape", "--json");
  assert.is(stderr, "vitvq: ?[2Jname\n");
  assert.is((JSON.parse(stdout) as { error: { message: string } }).error.message, "\u001b[2Jname");
});

test("an unexpected error is a bug, status 1, no stack", async () => {
  const { status, stdout, stderr } = await example("fail", "--how", "bug");
  assert.equal([status, stdout], [1, ""]);
  assert.match(stderr, /^vitvq: unexpected: x is not a function; this is a bug in vitvq: .*--debug.*\n$/);
});

test("errors that nobody waited for end the program the same way, and at once", async () => {
  const started = performance.now();
  const rejection = await example("fail", "--how", "rejection");
  assert.equal(rejection, { status: 3, stdout: "", stderr: "vitvq: nobody waited\n" });
  assert.equal((await example("fail", "--how", "late")).stderr, "vitvq: from a timer\n");
  assert.ok(performance.now() - started < 9000, "did not wait for the 5 s of work beside it");
});

test("a handler gives one result, no less and no more", async () => {
  assert.match((await example("fail", "--how", "silent")).stderr, /ended without a result/);
  assert.match((await example("fail", "--how", "twice")).stderr, /gave two results/);
});

test("a result may carry an exit code", async () => {
  assert.equal(await example("fail", "--how", "code"), { status: 6, stdout: "code\n", stderr: "" });
});

test("the program ends though something is still open", async () => {
  assert.equal(await example("fail", "--how", "open"), { status: 0, stdout: "open\n", stderr: "" });
});

test("long output arrives whole through a pipe", async () => {
  const { stdout } = await example("fail", "--how", "long");
  assert.is(stdout.length, 500_000);
});

test("a reader that goes away is no error", async () => {
  const { stdout, stderr } = await inShell("(vitvq fail --how long; echo status $? >&2) | head -1");
  assert.is(stdout, "line\n");
  assert.is(stderr, "status 0\n");
});

if (existsSync("/dev/full"))
  test("a full disk is an error, told once", async () => {
    const { status, stderr } = await inShell("vitvq fail --how long > /dev/full");
    assert.is(status, 1);
    assert.is(stderr, "vitvq: ENOSPC: no space left on device, write\n");
  });

test.run();
