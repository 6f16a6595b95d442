import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { stepCost } from "../../lib/engine/stepCost.js";
import { type BlockConfig, block, blockSpec } from "../../lib/nn/block.js";
import { flattenSpecs, initialise, paramTree } from "../../lib/nn/params.js";
import { recompute } from "../../lib/nn/recompute.js";
import { priorPlan, tokenizerPlan } from "../../lib/train/plans.js";
import { expectClose } from "../support.js";
import { engine, TASK, VIM } from "../train/support.js";

const test = suite("nn/recompute");

const CONFIG: BlockConfig = { dim: 8, heads: 2, mlpDim: 16 };
const SPECS = flattenSpecs(blockSpec(CONFIG));

test("values and gradients are those of the function itself, whatever tree its parameters make", () => {
  const f = ({ a, list }: { a: tf.Tensor; list: readonly { w: tf.Tensor }[] }, x: tf.Tensor) =>
    list.reduce((y, { w }) => tf.add(tf.mul(tf.tanh(y), w), a), x);
  const loss = (again: boolean) => (x: tf.Tensor, a: tf.Tensor, v: tf.Tensor, w: tf.Tensor) => {
    const params = { a, list: [{ w: v }, { w }] };
    return tf.sum(tf.square(again ? recompute(f, params, x) : f(params, x)));
  };
  const inputs = [tf.tensor([0.3, -1]), tf.tensor([0.5, 2]), tf.tensor([1.5, 0.1]), tf.tensor([-0.7, 0.4])];
  const [want, got] = [false, true].map((again) => {
    const { value, grads } = tf.valueAndGrads(loss(again) as (...args: tf.Tensor[]) => tf.Scalar)(inputs);
    return [value, ...grads].flatMap((tensor) => [...tensor.dataSync()]);
  });
  expectClose(got!, want!, "value and gradients", { relative: 1e-6 });
});

test("a parameter that the function does not read has a gradient of zeros", () => {
  const f = ({ w }: { w: tf.Tensor; idle: tf.Tensor }, x: tf.Tensor) => tf.mul(x, w);
  const [, , idle] = tf.grads((x, w, idle) => recompute(f, { w: w!, idle: idle! }, x!))([
    tf.scalar(2),
    tf.scalar(3),
    tf.tensor([1, 1]),
  ]);
  assert.equal([...idle!.dataSync()], [0, 0]);
});

for (const [name, planOf] of Object.entries({
  "stage 1": (again: boolean) =>
    tokenizerPlan({ ...TASK, recompute: again }, { quantized: true, adversarial: false }, 4),
  "stage 2 with dropout": (again: boolean) => priorPlan(VIM, { dropout: 0.2, recompute: again, batchSize: 4 }),
}))
  test(`${name}: the traced step gives the same losses and gradients`, async () => {
    const results = await Promise.all(
      [false, true].map(async (again) => {
        const { step, options } = planOf(again);
        const program = await (await engine()).compile(step, options);
        const feeds = Object.fromEntries(
          Object.entries(options.inputs).map(([input, { dtype, shape }]) => {
            const size = shape.reduce<number>((product, dim) => product * Number(dim), 1);
            const data = Float32Array.from({ length: size }, (_, i) => 0.5 * Math.sin(i * 1.7 + input.length));
            return [input, { dtype, shape: shape.map(Number), data: dtype === "int32" ? new Int32Array(size) : data }];
          }),
        );
        const found = await program.run(feeds);
        await program.dispose();
        return found;
      }),
    );
    const [kept, again] = results as [(typeof results)[0], (typeof results)[0]];
    assert.equal(Object.keys(again), Object.keys(kept));
    for (const [result, { data }] of Object.entries(kept))
      expectClose(again[result]!.data, data, result, { relative: 1e-5, absolute: 1e-7 });
  });

test("a deep stack takes less memory and more multiply-adds", () => {
  const specs = Array.from({ length: 6 }, () => blockSpec(CONFIG));
  const flat = flattenSpecs(specs);
  const cost = (again: boolean) =>
    stepCost(
      (inputs) => {
        const { x, ...params } = inputs;
        const names = Object.keys(params);
        const loss = (...tensors: tf.Tensor[]) => {
          const tree = paramTree(specs, Object.fromEntries(names.map((name, i) => [name, tensors[i]!])));
          return tf.sum(tree.reduce((y, each) => block(each, CONFIG, y, { recompute: again }), x!)) as tf.Scalar;
        };
        const grads = tf.grads(loss as (...args: tf.Tensor[]) => tf.Scalar)(Object.values(params));
        return Object.fromEntries(grads.map((gradient, i) => [`gradient/${names[i]}`, gradient]));
      },
      {
        name: "stack",
        inputs: {
          x: { dtype: "float32", shape: [4, 64, 8] },
          ...Object.fromEntries(
            Object.entries(flat).map(([name, { shape }]) => [name, { dtype: "float32", shape } as const]),
          ),
        },
      },
    );
  const [kept, again] = [cost(false), cost(true)];
  assert.ok(again.peakBytes < 0.6 * kept.peakBytes, `${again.peakBytes} against ${kept.peakBytes} bytes`);
  const more = again.multiplyAdds / kept.multiplyAdds;
  assert.ok(more > 1.2 && more < 1.5, `${more} times the multiply-adds`);
});

test("a block is the same block", () => {
  const params = paramTree(
    blockSpec(CONFIG),
    Object.fromEntries(
      Object.entries(initialise(SPECS, 1)).map(([name, { data, shape }]) => [
        name,
        tf.tensor(data as Float32Array, [...shape]),
      ]),
    ),
  );
  const x = tf.randomNormal([2, 3, 8], 0, 1, "float32", 1);
  const [kept, again] = [false, true].map((recompute) => block(params, CONFIG, x, { recompute }).dataSync());
  expectClose(again!, kept!, "block", {});
});

test.run();
