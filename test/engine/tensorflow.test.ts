import { suite } from "uvu";
import * as assert from "uvu/assert";
import { explainTensorflow, loadTensorflow } from "../../lib/engine/tensorflow.js";
import { EngineError } from "../../lib/errors.js";
import { expectRejection } from "../support.js";

const test = suite("engine/tensorflow");

const absent = (name: string) =>
  Promise.reject(Object.assign(new Error(`Cannot find package '${name}' imported`), { code: "ERR_MODULE_NOT_FOUND" }));

/** Message of the EngineError that loading ends in. */
const refusal = async (load: (name: string) => Promise<unknown>): Promise<string> =>
  (await expectRejection(loadTensorflow({ load }), EngineError)).message;

test("loads the package for the GPU first and asks no further", async () => {
  const asked: string[] = [];
  const name = await loadTensorflow({ load: async (wanted) => asked.push(wanted) });
  assert.is(name, "@tensorflow/tfjs-node-gpu");
  assert.equal(asked, ["@tensorflow/tfjs-node-gpu"]);
});

test("falls back to the package for the CPU", async () => {
  const load = (name: string) => (name.endsWith("-gpu") ? absent(name) : Promise.resolve({}));
  assert.is(await loadTensorflow({ load }), "@tensorflow/tfjs-node");
});

test("without either says that none is installed, and what it takes", async () => {
  const message = await refusal(absent);
  assert.match(message, "engine tensorflow is not available: not installed");
  for (const part of [
    "--save-prod --ignore-scripts=false @tensorflow/tfjs-node-gpu",
    "CUDA 11.2",
    "docs/tensorflow.md",
  ])
    assert.match(message, part);
});

/** What is said of the package on a Node that it works on otherwise. */
const explained = (message: string): string => {
  const { reason, remedy } = explainTensorflow("@tensorflow/tfjs-node", { message }, 20);
  return `${reason}; ${remedy}`;
};

test("tells a broken package from an absent one", async () => {
  const broken = "The Node.js native addon module (tfjs_binding.node) can not be found at path: /x\nsecond line";
  const message = await refusal((name) => (name.endsWith("-gpu") ? Promise.reject(new Error(broken)) : absent(name)));
  assert.match(message, /^engine tensorflow is not available: @tensorflow\/tfjs-node-gpu /);
  assert.not.match(message, /not installed|second line/);
  assert.match(explained(broken), /^@tensorflow\/tfjs-node is installed without its binary; .*docs\/tensorflow\.md/);
});

test("tells a package that lacks a package of its own from an absent one", async () => {
  const lacking = Object.assign(new Error("Cannot find package 'nan' imported"), { code: "ERR_MODULE_NOT_FOUND" });
  assert.not.match(await refusal(() => Promise.reject(lacking)), "not installed");
  assert.match(explained(lacking.message), /^Cannot find package 'nan' imported; /);
});

test("a library that was moved is told from a missing CUDA", () => {
  const lacks = (library: string) => explained(`${library}: cannot open shared object file: No such file or directory`);
  assert.match(lacks("libtensorflow_cc.so.2"), /^libtensorflow_cc\.so\.2 is missing; put it back/);
  assert.match(lacks("libcudart.so.11.0"), /^libcudart\.so\.11\.0 is missing; install CUDA 11\.2/);
});

test("on a Node that lost what the package calls, that is the reason, whatever it says", () => {
  const failed = { message: "(0 , util_1.isNullOrUndefined) is not a function" };
  const { reason, remedy } = explainTensorflow("@tensorflow/tfjs-node", failed, 24);
  assert.is(reason, "@tensorflow/tfjs-node breaks on Node 23 and later");
  assert.is(remedy, "use Node 20 or 22");
});

test("threads, and silence about the processor, are set where the library reads them", async () => {
  const names = ["TF_NUM_INTRAOP_THREADS", "TF_CPP_MIN_LOG_LEVEL"];
  const settings = () => names.map((name) => process.env[name]);
  const before = settings();
  for (const name of names) delete process.env[name];
  let seen: unknown[] = [];
  const load = async () => {
    seen = settings();
  };
  await loadTensorflow({ load });
  assert.equal(seen, [undefined, "1"]);
  process.env["TF_CPP_MIN_LOG_LEVEL"] = "0";
  await loadTensorflow({ load, threads: 3 });
  assert.equal(seen, ["3", "0"]);
  names.forEach((name, i) => {
    delete process.env[name];
    if (before[i] !== undefined) process.env[name] = before[i];
  });
});

test.run();
