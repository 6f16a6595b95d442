import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { HostTensor } from "../../lib/engine/types.js";
import type { ParamSpec } from "../../lib/nn/params.js";
import { asAdamW, updateScalars } from "../../lib/train/adamWStep.js";
import { movingPlan, partNumbers } from "../../lib/train/movingPlan.js";
import type { Plan } from "../../lib/train/plans.js";
import { engine, OPTIMIZER } from "./support.js";

const test = suite("train/movingPlan");

const floats = (...values: number[]): HostTensor => {
  return { dtype: "float32", shape: [values.length], data: Float32Array.from(values) };
};

const specs: Record<string, ParamSpec> = { w: { shape: [2], init: { kind: "zeros" }, decay: false } };
const network = asAdamW({ initial: () => ({ w: floats(1, 2) }), specs, optimizer: { ...OPTIMIZER, clip: 0, ema: 0 } });

/** A loss of 1 / x whose gradient is said to be the weights. */
const plan: Plan = {
  step: (inputs) => ({ loss: tf.div(1, tf.sum(inputs["x"]!)), "gradient/net/w": inputs["net/w"]! }),
  options: {
    name: "reciprocal",
    inputs: { "net/w": { dtype: "float32", shape: [2] }, x: { dtype: "float32", shape: [1] } },
  },
};

/** The weights after the parts of a batch, each with an x, one after the other. */
async function weightsAfter(...xs: number[]): Promise<number[]> {
  const options = { networks: { "net/": network }, batch: ["x"], parts: xs.length, loss: "loss" };
  const moving = movingPlan(plan, options);
  const program = await (await engine()).compile(moving.step, moving.options);
  const numbers = updateScalars("net/", network, { rate: 0.5, step: 1, divisor: xs.length });
  let state = {
    "net/params/w": floats(1, 2),
    "net/first/w": floats(0, 0),
    "net/second/w": floats(0, 0),
    ...moving.sums,
  };
  for (const [part, x] of xs.entries()) {
    const results = await program.run({ ...state, ...numbers, ...partNumbers(part, xs.length), x: floats(x) });
    const next = Object.entries(moving.repetition.next).map(([input, result]) => [input, results[result]!] as const);
    state = Object.fromEntries(next) as typeof state;
  }
  await program.dispose();
  return [...state["net/params/w"].data];
}

test("one part or more, weights move once, by Adam's first step", async () => {
  for (const xs of [[1], [1, 1], [1, 2, 3]]) {
    const [a, b] = await weightsAfter(...xs);
    assert.ok(Math.abs(a! - 0.5) < 1e-5 && Math.abs(b! - 1.5) < 1e-5, `${xs}: ${a}, ${b}`);
  }
});

test("a loss that is not finite moves nothing, in whichever part, were all gradients finite", async () => {
  for (const xs of [[0], [0, 1], [1, 0], [1, 0, 1]]) assert.equal(await weightsAfter(...xs), [1, 2], `${xs}`);
});

test.run();
