import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { trace } from "../../lib/engine/traceBackend.js";
import type { Engine, HostTensor, NamedHostTensors, NamedTensors, Step, TensorSpec } from "../../lib/engine/types.js";
import {
  LPIPS,
  type PerceptualConfig,
  perceptualDistances,
  perceptualLoss,
  perceptualSpec,
} from "../../lib/losses/perceptual.js";
import { perceptualWeights } from "../../lib/models/foreign/perceptualWeights.js";
import { valueAndGradients } from "../../lib/nn/gradients.js";
import { flattenSpecs, initialise, paramTree } from "../../lib/nn/params.js";
import { rngFrom } from "../../lib/random.js";
import { distancesByLoops, goldenLpips, imagesOf, vgg16ByLoops } from "../models/support/lpips.js";
import type { Images } from "../nn/support/convolution.js";
import { inner } from "../nn/support/loops.js";
import { expectClose, expectRejection } from "../support.js";

const test = suite("losses/perceptual");

const engines: Readonly<Record<string, () => Promise<Engine>>> = {
  onnxruntime: () => createOnnxEngine({ threads: 1 }),
  javascript: () => createEagerEngine("cpu"),
};

/** Distances, their mean and its gradient by the reconstructions. */
const lossStep =
  (config: PerceptualConfig): Step =>
  ({ images, reconstructions, ...weights }) => {
    const params = paramTree(perceptualSpec(config), weights);
    const pair = { images: images!, reconstructions: reconstructions! };
    const { loss, gradients } = valueAndGradients(() => ({ loss: perceptualLoss(params, pair) }), {
      reconstructions: reconstructions!,
    });
    return { distances: perceptualDistances(params, pair), loss, gradient: gradients["reconstructions"]! };
  };

type Pair = { readonly images: HostTensor; readonly reconstructions: HostTensor };

async function run(engine: Engine, step: Step, weights: NamedHostTensors, { images, reconstructions }: Pair) {
  const inputs = { images, reconstructions };
  const program = await engine.compile(step, { name: "perceptual", inputs, constants: weights });
  const results = await program.run(inputs);
  await program.dispose();
  return results;
}

for (const [name, create] of Object.entries(engines))
  test(`${name}: distances, loss and gradient are the reference's`, async () => {
    const file = await goldenLpips();
    const weights = perceptualWeights({ vgg: { what: "golden", tensors: file.tensors } }, file.config);
    const got = await run(await create(), lossStep(file.config), weights, file);
    expectClose(got["distances"]!.data, file.perImage, "distances", { relative: 1e-5 });
    expectClose(got["loss"]!.data, file.loss, "loss", { relative: 1e-5 });
    expectClose(got["gradient"]!.data, file.gradient.data, "gradient", { relative: 1e-4 });
  });

const TINY: PerceptualConfig = { widths: [2, 3, 4, 3, 2], form: "lpips" };
const PLAIN: PerceptualConfig = { ...TINY, form: "features" };

/** Random weights: biases, and channels that weigh differently. */
function weightsOf(config: PerceptualConfig, seed: number): NamedHostTensors {
  const named = initialise(flattenSpecs(perceptualSpec(config)), seed);
  const rng = rngFrom(seed + 1);
  for (const [name, { data }] of Object.entries(named)) {
    if (name.endsWith("bias")) for (let i = 0; i < data.length; i++) data[i] = 0.3 + 0.1 * rng.normal();
    if (name.startsWith("calibration")) for (let i = 0; i < data.length; i++) data[i] = rng.uniform();
  }
  return named;
}

const bare = ({ dtype, shape, data }: HostTensor): HostTensor => ({ dtype, shape, data });
const vggOf = (weights: NamedHostTensors): NamedHostTensors =>
  Object.fromEntries(Object.entries(weights).map(([name, tensor]) => [name.replace(/^vgg\//, ""), tensor]));

for (const config of [TINY, PLAIN])
  for (const [name, create] of Object.entries(engines))
    test(`${name}: the form ${config.form} and its gradient are those of plain loops`, async () => {
      const shape = [2, 21, 18, config === TINY ? 3 : 1] as const;
      const weights = weightsOf(config, 1);
      const [images, reconstructions] = [imagesOf(shape, 2), imagesOf(shape, 3)];
      const channels = [0, 1, 2, 3, 4].flatMap((level) => weights[`calibration/${level}`] ?? []);
      const perChannel = channels.length > 0 ? channels.map(({ data }) => Array.from(data)) : undefined;
      const maps = (x: Images) => vgg16ByLoops(vggOf(weights), x);
      const wanted = maps(images);
      const distances = (values: readonly number[]) => distancesByLoops(maps({ shape, values }), wanted, perChannel);
      const pair = { images: bare(images), reconstructions: bare(reconstructions) };
      const got = await run(await create(), lossStep(config), weights, pair);
      const want = distances(reconstructions.values);
      expectClose(got["distances"]!.data, want, "distances", { relative: 1e-5 });
      expectClose(got["loss"]!.data, [(want[0]! + want[1]!) / 2], "loss", { relative: 1e-5 });
      const rng = rngFrom(4);
      const direction = reconstructions.values.map(() => rng.normal());
      const mean = (by: number) => {
        const [a, b] = distances(reconstructions.values.map((value, i) => value + by * direction[i]!));
        return (a! + b!) / 2;
      };
      const slope = (mean(1e-6) - mean(-1e-6)) / 2e-6;
      expectClose([inner(Array.from(got["gradient"]!.data), direction)], [slope], "slope", { relative: 1e-3 });
    });

test("equal images are at distance 0 with gradient 0, and the distance is symmetric", async () => {
  const weights = weightsOf(TINY, 5);
  const [a, b] = [bare(imagesOf([2, 16, 16, 3], 6)), bare(imagesOf([2, 16, 16, 3], 7))];
  const engine = await engines["onnxruntime"]!();
  const distance = (images: HostTensor, reconstructions: HostTensor) =>
    run(engine, lossStep(TINY), weights, { images, reconstructions });
  const same = await distance(a, a);
  assert.equal([...same["distances"]!.data], [0, 0]);
  assert.ok(same["gradient"]!.data.every((value) => value === 0));
  const [there, back] = [await distance(a, b), await distance(b, a)];
  assert.ok(there["distances"]!.data.every((value) => value > 0));
  expectClose(there["distances"]!.data, back["distances"]!.data, "there and back", { relative: 1e-6 });
});

for (const [name, create] of Object.entries(engines))
  test(`${name}: where all features are 0 the distance is finite and the gradient 0`, async () => {
    const weights = weightsOf(TINY, 8);
    for (const level of [0, 4]) weights[`vgg/levels/${level}/1/bias`]!.data.fill(-1e6);
    const pair = { images: bare(imagesOf([1, 16, 16, 3], 9)), reconstructions: bare(imagesOf([1, 16, 16, 3], 10)) };
    const got = await run(await create(), lossStep(TINY), weights, pair);
    assert.ok(got["distances"]!.data.every(Number.isFinite));
    assert.ok(
      got["gradient"]!.data.every((value) => value === 0),
      "nothing passes the first level",
    );
  });

test("the images get no gradient, whoever asks", async () => {
  const weights = weightsOf(TINY, 11);
  const step: Step = ({ images, reconstructions, ...named }) => {
    const params = paramTree(perceptualSpec(TINY), named);
    const asked: NamedTensors = { images: images!, reconstructions: reconstructions! };
    const pair = { images: images!, reconstructions: reconstructions! };
    const { gradients } = valueAndGradients(() => ({ loss: perceptualLoss(params, pair) }), asked);
    return { byImages: gradients["images"]!, byReconstructions: gradients["reconstructions"]! };
  };
  const pair = { images: bare(imagesOf([1, 16, 16, 3], 12)), reconstructions: bare(imagesOf([1, 16, 16, 3], 13)) };
  const got = await run(await engines["onnxruntime"]!(), step, weights, pair);
  assert.ok(got["byImages"]!.data.every((value) => value === 0));
  assert.ok(got["byReconstructions"]!.data.some((value) => value !== 0));
});

/** How often each operation occurs in the step on the published network at 256 pixels. */
function operations(step: Step): { readonly count: (op: string) => number; readonly turned: readonly string[] } {
  const inputs: Record<string, TensorSpec> = {};
  for (const [name, { shape }] of Object.entries(flattenSpecs(perceptualSpec())))
    inputs[name] = { dtype: "float32", shape };
  for (const name of ["images", "reconstructions"]) inputs[name] = { dtype: "float32", shape: [2, 256, 256, 3] };
  const { nodes } = trace(step, { name: "lpips", inputs }, "cpu");
  const turned = nodes.filter(({ op }) => op === "Transpose").map(({ attributes }) => String(attributes["perm"]));
  return { count: (op) => nodes.filter((node) => node.op === op).length, turned };
}

test("the published network: convolutions forward twice, backward only by the reconstructions, nothing turned between", () => {
  const { count, turned } = operations(lossStep(LPIPS));
  assert.is(count("Conv"), 3 * 13); // of both images, and the gradients by the inputs; by filters there are none
  assert.is(count("MatMul") + count("FusedMatMul") + count("ConvTranspose"), 0);
  assert.is(count("MaxPool"), 2 * 4 + 4); // the backward pass asks again where the maxima were
  assert.is(count("MaxUnpool"), 4);
  assert.is(count("Relu"), 2 * 13);
  assert.is(count("Where"), 13);
  assert.equal(turned.filter((order) => order !== "0,2,1").sort(), ["0,2,3,1", "0,3,1,2", "0,3,1,2"]); // only the ends
  assert.is(turned.length, 3 + 13); // and each filter once
});

test("the published network alone turns its two inputs only", () => {
  const { turned } = operations(({ images, reconstructions, ...weights }) => ({
    distances: perceptualDistances(paramTree(perceptualSpec(), weights), {
      images: images!,
      reconstructions: reconstructions!,
    }),
  }));
  assert.equal(
    turned.filter((order) => order !== "0,2,1"),
    ["0,3,1,2", "0,3,1,2"],
  );
});

test("pairs of different shapes are refused", async () => {
  const pair = { images: bare(imagesOf([2, 16, 16, 3], 1)), reconstructions: bare(imagesOf([2, 16, 16, 1], 1)) };
  const engine = await engines["onnxruntime"]!();
  const wanted = /^perceptual loss: reconstructions: want \[2, 16, 16, 3\], got \[2, 16, 16, 1\]/;
  await expectRejection(run(engine, lossStep(TINY), weightsOf(TINY, 1), pair), RangeError, wanted);
});

test.run();
