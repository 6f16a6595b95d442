import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inTemporaryFolder, vitvq } from "../support.js";

const test = suite("commands/doctor");

type Report = {
  vitvq: string;
  node: string;
  cpu: string;
  cores: number;
  memory: number;
  images: { works: boolean; reads: string[] };
  engines: {
    engine: string;
    works: boolean;
    devices: { device: string; works: boolean; trains: boolean; reason?: string }[];
  }[];
};

test("people read what is here, what is not and why", async () => {
  const { status, stdout, stderr } = await vitvq(["doctor"], { env: { NO_COLOR: "1" } });
  assert.is(status, 0, stderr);
  assert.is(stderr, "");
  assert.match(stdout, /^ {2}vitvq +\d+\.\d+\.\d+ on Node \d+\.\d+\.\d+, /);
  assert.match(stdout, /^onnxruntime 1\.\d+\.\d+\n {2}cpu +works, used for training\n {2}webgpu +(works|absent)/m);
  assert.match(stdout, /^tensorflow/m);
  assert.match(stdout, /\nTraining can run on onnxruntime cpu\b/);
  assert.ok(stdout.split("\n").every((line) => line.length <= 80));
});

test("machines read the same as one object", async () => {
  const { status, stdout } = await vitvq(["doctor", "--json"]);
  assert.is(status, 0);
  const report = JSON.parse(stdout) as Report;
  assert.is(report.node, process.versions.node);
  assert.ok(report.cores >= 1 && report.memory > 2 ** 26 && report.cpu !== "");
  assert.ok(report.images.works && report.images.reads.includes("png"));
  assert.equal(
    report.engines.map(({ engine }) => engine),
    ["onnxruntime", "tensorflow"],
  );
  const absent = report.engines.flatMap(({ devices }) => devices).filter(({ works }) => !works);
  assert.ok(absent.every(({ reason }) => reason !== undefined && reason !== ""));
});

test("without time to answer nothing works, which is exit code 6 with the report all the same", async () => {
  const { status, stdout, stderr } = await vitvq(["doctor", "--timeout", "0.001"]);
  assert.is(status, 6, stderr);
  assert.match(stdout, /cpu +absent: no answer within 0\.001 s/);
  assert.match(stdout, /\nNothing here can train\.\n$/);
});

test("--debug gives the runtimes' own words on stderr", async () => {
  const { stdout, stderr } = await vitvq(["doctor", "--timeout", "0.001", "--debug"]);
  assert.match(stderr, /^onnxruntime cpu: no answer within/);
  assert.match(stdout, /onnxruntime/);
});

test("it works from any folder", async () => {
  const { status } = await inTemporaryFolder((cwd) => vitvq(["doctor", "--quiet"], { cwd }));
  assert.is(status, 0);
});

test.run();
