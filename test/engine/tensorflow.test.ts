import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadTensorflow } from "../../lib/engine/tensorflow.js";
import { EngineError } from "../../lib/errors.js";

const test = suite("engine/tensorflow");

const absent = (name: string) =>
  Promise.reject(Object.assign(new Error(`Cannot find package '${name}' imported`), { code: "ERR_MODULE_NOT_FOUND" }));

/** Message of the EngineError that loading ends in. */
async function refusal(load: (name: string) => Promise<unknown>): Promise<string> {
  try {
    await loadTensorflow(load);
  } catch (error) {
    assert.instance(error, EngineError);
    return (error as EngineError).message;
  }
  throw new Error("nothing was thrown");
}

test("loads the package for the GPU first and asks no further", async () => {
  const asked: string[] = [];
  const name = await loadTensorflow(async (wanted) => asked.push(wanted));
  assert.is(name, "@tensorflow/tfjs-node-gpu");
  assert.equal(asked, ["@tensorflow/tfjs-node-gpu"]);
});

test("falls back to the package for the CPU", async () => {
  const load = (name: string) => (name.endsWith("-gpu") ? absent(name) : Promise.resolve({}));
  assert.is(await loadTensorflow(load), "@tensorflow/tfjs-node");
});

test("without either says that both are not installed, and what it takes", async () => {
  const message = await refusal(absent);
  assert.match(message, "@tensorflow/tfjs-node-gpu: not installed; @tensorflow/tfjs-node: not installed");
  for (const part of ["npm install @tensorflow/tfjs-node-gpu", "outside the npm registry", "CUDA 11.2", "Node >= 23"])
    assert.match(message, part);
});

test("tells a broken package from an absent one", async () => {
  const broken = "The Node.js native addon module (tfjs_binding.node) can not be found at path: /x";
  const message = await refusal((name) =>
    name.endsWith("-gpu") ? Promise.reject(new Error(`${broken}\nsecond line`)) : absent(name),
  );
  assert.match(message, `@tensorflow/tfjs-node-gpu: ${broken}; @tensorflow/tfjs-node: not installed`);
  assert.not.match(message, "second line");
});

test("tells a package that lacks a package of its own from an absent one", async () => {
  const lacking = Object.assign(new Error("Cannot find package 'nan' imported"), { code: "ERR_MODULE_NOT_FOUND" });
  assert.match(await refusal(() => Promise.reject(lacking)), "tfjs-node: Cannot find package 'nan' imported");
});

test.run();
