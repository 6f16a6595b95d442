import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { Engine, HostTensor, NamedHostTensors, Step } from "../../lib/engine/types.js";
import { VGG16, type Vgg16Config, vgg16Features, vgg16Spec } from "../../lib/models/vgg16.js";
import { countParameters, flattenSpecs, initialise, paramTree } from "../../lib/nn/params.js";
import { rngFrom } from "../../lib/random.js";
import type { Images } from "../nn/support/convolution.js";
import { expectClose, expectRejection } from "../support.js";
import { imagesOf, vgg16ByLoops } from "./support/lpips.js";

const test = suite("models/vgg16");

const TINY: Vgg16Config = { widths: [2, 3, 4, 3, 2] };

/** Random weights with biases, so that none can be forgotten. */
function weightsOf(config: Vgg16Config, seed: number): NamedHostTensors {
  const named = initialise(flattenSpecs(vgg16Spec(config)), seed);
  const rng = rngFrom(seed + 1);
  for (const [name, { data }] of Object.entries(named))
    if (name.endsWith("bias")) for (let i = 0; i < data.length; i++) data[i] = 0.2 + 0.1 * rng.normal();
  return named;
}

async function features(engine: Engine, config: Vgg16Config, weights: NamedHostTensors, images: HostTensor) {
  const step: Step = (inputs) =>
    Object.fromEntries(
      vgg16Features(paramTree(vgg16Spec(config), inputs), inputs["images"]!).map((map, level) => [`${level}`, map]),
    );
  const program = await engine.compile(step, { name: "vgg16", inputs: { images }, constants: weights });
  const { dtype, shape, data } = images;
  const results = await program.run({ images: { dtype, shape, data } });
  await program.dispose();
  return [0, 1, 2, 3, 4].map((level) => results[`${level}`]!);
}

for (const [name, create] of [
  ["onnxruntime", () => createOnnxEngine({ threads: 1 })],
  ["javascript", () => createEagerEngine("cpu")],
] as const)
  for (const shape of [
    [2, 16, 16, 3],
    [1, 21, 18, 3],
    [2, 19, 16, 1],
  ] as const)
    test(`${name}: the features of images [${shape.join(", ")}] are those of plain loops`, async () => {
      const weights = weightsOf(TINY, 1);
      const images = imagesOf(shape, 3);
      const got = await features(await create(), TINY, weights, images);
      const maps = vgg16ByLoops(weights, images);
      assert.ok(
        maps.some(({ values }) => values.includes(0)),
        "some are cut off",
      );
      for (const [level, want] of maps.entries()) {
        assert.ok(want.values.some((value) => value > 0));
        assert.equal([...got[level]!.shape], [...want.shape]);
        expectClose(got[level]!.data, want.values, `level ${level}`, { relative: 1e-5 });
      }
    });

test("the published network has 14,714,688 parameters", () => {
  assert.is(countParameters(flattenSpecs(vgg16Spec(VGG16))), 14_714_688);
});

test("initial features keep their size from level to level", async () => {
  const config: Vgg16Config = { widths: [24, 24, 24, 24, 24] };
  const weights = initialise(flattenSpecs(vgg16Spec(config)), 1);
  const maps = await features(await createOnnxEngine({ threads: 1 }), config, weights, imagesOf([2, 32, 32, 3], 2));
  for (const { data } of maps) {
    const size = Math.sqrt(Array.from(data).reduce((sum, value) => sum + value * value, 0) / data.length);
    assert.ok(size > 0.2 && size < 10, `root mean square ${size}`);
  }
});

test("images that are too small or have other channels, and impossible widths, are refused", async () => {
  const engine = await createOnnxEngine({ threads: 1 });
  const refused = (shape: Images["shape"], message: RegExp) =>
    expectRejection(features(engine, TINY, weightsOf(TINY, 1), imagesOf(shape, 1)), RangeError, message);
  await refused([1, 16, 15, 3], /sides of at least 16 pixels, got 16 x 15/);
  await refused([1, 16, 16, 4], /vgg16: images: want \[\*, \*, \*, 3\], got \[1, 16, 16, 4\]/);
  assert.throws(() => vgg16Spec({ widths: [64, 128, 0, 512, 512] }), /want five widths, whole numbers above 0/);
});

test.run();
