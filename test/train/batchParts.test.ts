import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Engine, NamedHostTensors, Program } from "../../lib/engine/types.js";
import { partsOf, runParts } from "../../lib/train/batchParts.js";
import type { PriorTraining } from "../../lib/train/priorTrainer.js";
import { floats } from "../hostTensors.js";
import { activeThreads, expectClose } from "../support.js";
import { ADVERSARIAL, engine, imagesOf, OPTIMIZER, priorTrainer, tokenizerTrainer, tokensOf } from "./support.js";

const test = suite("train/batchParts");

test("a batch divides into equal parts of its rows, in their order", () => {
  const batch = floats([4, 2], 1, 2, 3, 4, 5, 6, 7, 8);
  assert.equal(
    partsOf(batch, 2).map(({ shape, data }) => [shape, [...data]]),
    [
      [
        [2, 2],
        [1, 2, 3, 4],
      ],
      [
        [2, 2],
        [5, 6, 7, 8],
      ],
    ],
  );
  assert.throws(() => partsOf(batch, 3), /a batch of 4 does not divide into 3 equal parts/);
});

test("losses and gradients are means over the parts, what has a row for each image is joined", async () => {
  const program: Program = {
    name: "square",
    async run({ w, x }): Promise<NamedHostTensors> {
      const values = x!.data as Float32Array;
      const codes = { dtype: "int32", shape: [...x!.shape], data: Int32Array.from(values) } as const;
      const sum = values.reduce((a, b) => a + b, 0);
      return { loss: floats([], w!.data[0]! * sum), "gradient/w": floats([1], sum), codes };
    },
    async dispose() {},
  };
  const shared = { w: floats([1], 2) };
  const parts = [1, 3, 8].map((value) => ({ x: floats([2], value, value + 1) }));
  const found = await runParts(program, shared, { parts });
  assert.equal([found["loss"]!.data[0], found["gradient/w"]!.data[0]], [2 * 9, 9]);
  assert.equal([found["codes"]!.shape, [...found["codes"]!.data]], [[6], [1, 2, 3, 4, 8, 9]]);
  const alone = await runParts(program, shared, { parts: [parts[1]!] });
  assert.equal([...alone["codes"]!.data], [3, 4]);
});

const same = (got: NamedHostTensors, want: NamedHostTensors) => {
  for (const [name, { data }] of Object.entries(want))
    expectClose(got[name]!.data, data, name, { relative: 1e-4, absolute: 1e-6 });
};

test("stage 1: an update from four parts is that of the whole batch", async () => {
  const trained = async (accumulate: number) => {
    // Adam divides a gradient by its size: one that is 0 but for rounding wants an epsilon to stay harmless.
    const trainer = await tokenizerTrainer({ accumulate, optimizer: { ...OPTIMIZER, epsilon: 1e-3 } });
    const { metrics } = await trainer.step(0);
    const saved = await trainer.save();
    await trainer.close();
    return { metrics, saved };
  };
  const [whole, parts] = [await trained(1), await trained(4)];
  same(parts.saved.model, whole.saved.model);
  for (const [name, value] of Object.entries(whole.metrics))
    expectClose([parts.metrics[name]!], [value], name, { relative: 1e-4, absolute: 1e-6 });
});

test("stage 1: with a discriminator every part is judged by itself, R1 included", async () => {
  const trainer = await tokenizerTrainer({ accumulate: 2, task: ADVERSARIAL, nextImages: async () => imagesOf(0) });
  const { metrics, applied } = await trainer.step(0);
  assert.ok(applied && metrics["discriminator"]! > 0 && metrics["r1"]! > 0);
  await trainer.close();
});

test("stage 2: an update from parts is that of the whole batch", async () => {
  const trained = async (accumulate: number) => {
    const trainer = await priorTrainer({ accumulate, optimizer: { ...OPTIMIZER, epsilon: 1e-3 } });
    const { metrics } = await trainer.step(0);
    const { model } = await trainer.save();
    await trainer.close();
    return { model, nll: metrics["nll"]! };
  };
  const [whole, parts] = [await trained(1), await trained(2)];
  same(parts.model, whole.model);
  expectClose([parts.nll], [whole.nll], "nll", { relative: 1e-5 });
});

test("parts side by side give the bits of parts one after the other", async () => {
  type Split = { accumulate?: number; lanes?: number };
  for (const create of [
    (split: Split) => tokenizerTrainer({ task: ADVERSARIAL, ...split }),
    (split: Split) => priorTrainer({ dropout: 0.5, ...split }),
  ]) {
    const trained = async (split: Split) => {
      const trainer = await create(split);
      const reports = [await trainer.step(0), await trainer.step(1)];
      const saved = await trainer.save();
      await trainer.close();
      return { reports, saved };
    };
    const inTurn = await trained({ accumulate: 4 });
    assert.equal(await trained({ lanes: 4 }), inTurn);
    assert.equal(await trained({ accumulate: 2, lanes: 2 }), inTurn);
  }
  assert.equal(activeThreads(), []);
});

test("gradients are given back once weights have moved, where results own their memory; losses stay", async () => {
  const real = await engine();
  for (const [name, isFreed] of [
    ["onnxruntime", true],
    ["tensorflow", false],
  ] as const) {
    const given: NamedHostTensors[] = [];
    const compile: Engine["compile"] = async (step, options) => {
      const program = await real.compile(step, options);
      const run: Program["run"] = async (inputs) => {
        const results = await program.run(inputs);
        given.push({ ...results });
        return results;
      };
      return { ...program, run };
    };
    const trainer = await priorTrainer({ engine: { ...real, name, compile }, accumulate: 2 });
    await trainer.step(0);
    await trainer.close();
    assert.is(given.length, 2);
    for (const [result, { data }] of given.flatMap((results) => Object.entries(results)))
      assert.is(data.length === 0, isFreed && result.startsWith("gradient/"), `${result} with ${name}`);
  }
});

test("stage 2: with dropout every part draws its own, and the same again", async () => {
  const { codes, labels } = tokensOf(0);
  const half = { codes: codes.subarray(0, codes.length / 2), labels: labels.subarray(0, labels.length / 2) };
  const again = <A extends Int32Array>(part: A) => Int32Array.from([...part, ...part]);
  const nll = async (change: Partial<PriorTraining>) => {
    const trainer = await priorTrainer({ dropout: 0.5, ...change });
    const { metrics } = await trainer.step(0);
    await trainer.close();
    return metrics["nll"]!;
  };
  const alone = await nll({ batchSize: labels.length / 2, nextBatch: async () => half });
  const doubled = { codes: again(half.codes), labels: again(half.labels) };
  const parts = () => nll({ accumulate: 2, nextBatch: async () => doubled });
  const [one, two] = [await parts(), await parts()];
  assert.is(one, two);
  assert.ok(Math.abs(one - alone) > 1e-4, `${one} from two equal parts, ${alone} from one of them`);
});

test.run();
