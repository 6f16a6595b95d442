/**
 * Guards the others: each kernel the tracer knows must be met by some case in `cases/`, whose results are compared with
 * the JavaScript backend. A new file of lowerings needs a new file of cases there.
 */
import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import "../../../lib/engine/lowerings/index.js";
import { TRACE_BACKEND, trace } from "../../../lib/engine/traceBackend.js";
import { combine } from "../support/compareEngines.js";
import { allGroups } from "./allGroups.js";

const test = suite("lowerings/coverage");

test("every kernel of the tracer is met by a case", async () => {
  const met = new Set<string>();
  for (const [name, cases] of await allGroups()) {
    const { step, options } = combine(name, cases);
    recordKernels(met, () => trace(step, options, "cpu"));
  }
  const known = (tf.getKernelsForBackend(TRACE_BACKEND) as { kernelName: string }[]).map((kernel) => kernel.kernelName);
  assert.ok(known.length > 50);
  assert.equal(
    known.filter((name) => !met.has(name)),
    [],
    "kernels without a case in test/engine/lowerings/cases",
  );
});

test("graphs for WebGPU hold no operation that only the CPU has", async () => {
  for (const [name, cases] of await allGroups()) {
    const { step, options } = combine(name, cases);
    const { nodes } = trace(step, options, "webgpu");
    const foreign = nodes.filter(({ op, domain }) => domain !== "" || op === "BitShift" || op === "ScatterElements");
    assert.equal(
      foreign.map(({ op }) => op),
      [],
      name,
    );
  }
});

/** Adds to `met` the names of the kernels that `body` runs. */
function recordKernels(met: Set<string>, body: () => unknown): void {
  const engine = tf.engine();
  const { runKernel } = engine;
  engine.runKernel = (name, inputs, attributes) => {
    met.add(name);
    return runKernel.call(engine, name, inputs, attributes) as never;
  };
  try {
    body();
  } finally {
    engine.runKernel = runKernel;
  }
}

test.run();
