import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readReport } from "../../lib/speed/report.js";
import { namesIn } from "../files/support.js";
import { type Finished, inTemporaryFolder, vitvq } from "../support.js";
import { fail, jsonOf, succeed } from "./support/training.js";

const test = suite("commands/bench");

const FEW = ["--steps", "2", "--warmup", "0", "--threads", "1"];

type Comparison = {
  rows: { name: string; now: number }[];
  leftOut: Record<string, string>;
  otherMachine: boolean;
};
type Measured = { seconds: number[]; figures: Record<string, number>; error?: string };
type Report = {
  vitvq: string;
  options: Record<string, unknown>;
  rates: Record<"before" | "after", { multiplyAdds: number; bytes: number }>;
  measurements: Record<string, Measured>;
};

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
const earlier = path.join(shared, "earlier.json");
let first: Finished;
test.before(async () => {
  first = await succeed(["bench", "encode", "sample-1", "start-node", ...FEW, "--out", earlier]);
});
test.after(() => rm(shared, { recursive: true, force: true }));

test("people read the machine and a line for each measurement", () => {
  const { stdout, stderr } = first;
  assert.match(stdout, /^vitvq \d.*onnxruntime \d.* on cpu with 1 thread, Node .*; size tiny\n/);
  assert.match(stdout, /\nmultiplies at [\d.,]+ GFLOP\/s \([\d.,]+ GFLOP\/s at the end\), reads memory at .* GB\/s/);
  assert.match(stdout, /\nencode .* images\/s +[\d.]+ +[\d.]+% +- +\d+ MB /);
  assert.match(stdout, /\nsample-1 .* codes\/s .*x /);
  assert.match(stdout, /\nstart-node .* starts\/s +- +- /);
  assert.match(stderr, /encode \(1 of 3\)\.\.\.\nencode: [\d.,]+ ms \([\d.,]+ to [\d.,]+\), 2 runs\n/);
});

test("the file has every timing, what follows from them, the options and the machine's rates", async () => {
  const report = JSON.parse(await readFile(earlier, "utf8")) as Report;
  assert.equal(Object.keys(report.measurements).sort(), ["encode", "sample-1", "start-node"]);
  assert.ok(Object.values(report.measurements).every(({ seconds }) => seconds.length === 2));
  assert.equal(report.options["measurements"], ["encode", "sample-1", "start-node"]);
  assert.ok(report.rates.before.multiplyAdds > 1e9 && report.rates.after.bytes > 1e8);
  const { figures, seconds } = report.measurements["encode"]!;
  assert.ok(Math.abs(figures["median"]! - (seconds[0]! + seconds[1]!) / 2) < 1e-9);
});

test("--json, --seconds, --against: one object, with ratios by name", async () => {
  const args = ["bench", "sample", "--seconds", "0.2", "--warmup", "1", "--against", earlier, "--json", "--quiet"];
  const finished = await succeed(args);
  const report = jsonOf(finished) as unknown as Report & { comparison: Comparison };
  assert.equal(Object.keys(report.measurements), ["sample-1", "sample-8", "sample-32"]);
  const { seconds, figures } = report.measurements["sample-1"]!;
  assert.ok(seconds.length >= 5 && seconds.reduce((a, b) => a + b) >= 0.2);
  assert.is(report.options["seconds"], 0.2);
  const { rows, leftOut, otherMachine } = report.comparison;
  assert.equal([rows.length, rows[0]!.name, rows[0]!.now], [1, "sample-1", figures["median"]]);
  assert.equal(Object.keys(leftOut).sort(), ["encode", "sample-32", "sample-8", "start-node"]);
  assert.is(otherMachine, false);
});

test("--against another machine: it is said, and people read how the two relate", () =>
  inTemporaryFolder(async (folder) => {
    const report = await readReport(earlier);
    const other = path.join(folder, "other.json");
    const slow = { ...report.measurements["start-node"], seconds: [1000, 1000] };
    const machine = { ...report.machine, processor: "Abacus" };
    await writeFile(other, JSON.stringify({ ...report, machine, measurements: { "start-node": slow } }));
    const { stdout, stderr } = await succeed(["bench", "start-node", "start-help", ...FEW, "--against", other]);
    assert.match(stderr, /warning: .*other\.json was measured on another machine: processor: Abacus, now /);
    assert.match(stdout, /\nAgainst .*other\.json: .*\nmeasurement +before ms +now ms +speed +range\n/);
    assert.match(stdout, /\nstart-node +1\.\d*e6 +[\d.,]+ +\d+\.\d\d +\d+\.\d\d to \d+\.\d\d +faster\n/);
    assert.match(stdout, /\nthe machine itself: \d+\.\d\d in multiply-adds, \d+\.\d\d in reading memory\n/);
    assert.match(stdout, /\nprocessor: Abacus, now .*\nstart-help: not measured before\n$/s);
  }));

test("a measurement that is lost is told with its exit code, and the others are there", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "now.json");
    const data = path.join(folder, "none");
    const { status, stdout, stderr } = await vitvq([
      ...["bench", "data", "start-node", ...FEW],
      ...["--data", data, "--out", out],
    ]);
    assert.is(status, 3, stderr);
    assert.match(stderr, /failed: data: cannot open data .*none/);
    assert.match(stdout, /\nstart-node +\d/);
    assert.match(stdout, /\ndata was lost: cannot open data .*none/);
    const { measurements } = JSON.parse(await readFile(out, "utf8")) as Report;
    assert.match(measurements["data"]!.error!, /cannot open data/);
    assert.is(measurements["start-node"]!.seconds.length, 2);
  }));

test("a damaged --against, or one of another size, ends with 4 before anything is measured", () =>
  inTemporaryFolder(async (folder) => {
    const [file, out] = [path.join(folder, "earlier.json"), path.join(folder, "out.json")];
    const against = ["bench", "start-node", ...FEW, "--out", out, "--against", file];
    await fail(against, 4, /earlier\.json: no such file/);
    await writeFile(file, '{"format": "vitvq');
    await fail(against, 4, /earlier\.json: damaged: not JSON/);
    await writeFile(file, '{"format": "something else"}');
    const { stderr } = await fail(against, 4, /earlier\.json: not results of vitvq bench: want format/);
    assert.not.match(stderr, /rates/);
    await copyFile(earlier, file);
    await fail(
      [...against, "--size", "small"],
      4,
      /earlier\.json holds measurements of --size tiny, these are of small/,
    );
    assert.equal(await namesIn(folder), ["earlier.json"]);
  }));

test("names that are none, options that change nothing and files that are there end with 2", () =>
  inTemporaryFolder(async (folder) => {
    await fail(["bench", "encod"], 2, /--measurements: want strings out of train-vq-ae, .*; did you mean encode\?/);
    await fail(["bench", "--size", "smal"], 2, /--size: want one of tiny, small, got "smal"; did you mean small\?/);
    await fail(["bench", "encode", "--steps", "2", "--seconds", "1"], 2, /--seconds: changes nothing here/);
    await fail(["bench", "encode", "--data", folder], 2, /--data: changes nothing here; it wants the measurement data/);
    const there = path.join(folder, "there.json");
    await writeFile(there, "mine");
    await fail(["bench", "start-node", ...FEW, "--out", there], 2, /--out: .*there\.json exists; --force replaces it/);
    assert.is(await readFile(there, "utf8"), "mine");
    const below = path.join(there, "x");
    const { stderr } = await fail(["bench", "start-node", ...FEW, "--out", below], 2, /--out: .*there\.json is a file/);
    assert.not.match(stderr, /start-node/, "told before anything is measured");
  }));

test.run();
