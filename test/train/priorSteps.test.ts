import { readFile } from "node:fs/promises";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { NamedHostTensors } from "../../lib/engine/types.js";
import { fromPortPrior } from "../../lib/models/foreign/portPrior.js";
import { vimSpec } from "../../lib/models/vim.js";
import { flattenSpecs } from "../../lib/nn/params.js";
import { adamWUpdate, zeroMoments } from "../../lib/train/adamW.js";
import { scalarOf, underPrefix, withPrefix } from "../../lib/train/named.js";
import { compilePlan, priorLossPlan, priorPlan } from "../../lib/train/plans.js";
import { goldenGpt } from "../models/support/goldenGpt.js";
import { expectClose, fixture } from "../support.js";

const test = suite("train/priorSteps");

type Trajectory = {
  lr: number;
  betas: [number, number];
  eps: number;
  weight_decay_l2: number;
  decayed: string[];
  loss_before_each_step: number[];
};

const { gpt_adam: golden } = JSON.parse(await readFile(fixture("golden", "losses.json"), "utf8")) as {
  gpt_adam: Trajectory;
};
const { model, tensors, params, classIds, codes } = await goldenGpt();
const specs = flattenSpecs(vimSpec(model));

/** Our parameters that are made of those named, which are all of theirs or none. */
function oursOf(theirs: readonly string[]): string[] {
  const marked = Object.entries(params).map(([name, { shape, data }]) => {
    const mark = new Float32Array(data.length).fill(theirs.includes(name) ? 1 : 0);
    return [name, { dtype: "float32", shape, data: mark }] as const;
  });
  const { tensors: ours } = fromPortPrior(Object.fromEntries(marked), { heads: model.heads });
  return Object.keys(ours).filter((name) => ours[name]!.data.every((mark) => mark === 1));
}

test("six steps of Adam with an L2 penalty go the way of the port's, loss by loss", async () => {
  const { lr, betas, eps, weight_decay_l2: decay, loss_before_each_step: wanted } = golden;
  const decaying = Object.keys(specs).filter((name) => specs[name]!.decay);
  assert.equal(decaying.sort(), oursOf(golden.decayed).sort());
  const own: NamedHostTensors = {};
  for (const [name, tensor] of Object.entries(tensors)) own[name] = { ...tensor, data: tensor.data.slice() };
  const moments = zeroMoments(own);
  const engine = await createOnnxEngine({ threads: 1 });
  const program = await compilePlan(engine, priorPlan(model, { dropout: 0, batchSize: 3 }));
  const batch: NamedHostTensors = {
    codes: { dtype: "int32", shape: [3, 16], data: codes },
    classIds: { dtype: "int32", shape: [3], data: classIds },
  };
  const losses: number[] = [];
  for (const [index] of wanted.entries()) {
    const results = await program.run({ ...withPrefix("model/", own), ...batch });
    losses.push(scalarOf(results, "nll"));
    const gradients = underPrefix("gradient/model/", results);
    // An L2 penalty adds to the gradient, before Adam; decoupled decay is something else.
    for (const name of decaying)
      for (const [i, weight] of own[name]!.data.entries()) gradients[name]!.data[i]! += decay * weight;
    const options = { beta1: betas[0], beta2: betas[1], epsilon: eps, weightDecay: 0 };
    adamWUpdate({ params: own, moments, specs }, gradients, {
      ...options,
      rate: lr,
      gradientScale: 1,
      step: index + 1,
    });
  }
  await program.dispose();
  expectClose(losses, wanted, "losses", { relative: 1e-5 });
  const lossProgram = await compilePlan(engine, priorLossPlan(model, 3));
  const alone = scalarOf(await lossProgram.run({ ...withPrefix("model/", tensors), ...batch }), "nll");
  await lossProgram.dispose();
  expectClose([alone], [losses[0]!], "loss alone", { relative: 1e-6 });
});

test.run();
