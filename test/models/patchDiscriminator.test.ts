import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { HostTensor, NamedTensors, Step } from "../../lib/engine/types.js";
import { discriminatorLoss } from "../../lib/losses/adversarial.js";
import { r1Penalty } from "../../lib/losses/r1.js";
import {
  discriminatePatches,
  type PatchDiscriminatorConfig,
  patchDiscriminatorSpec,
  patchGrid,
} from "../../lib/models/patchDiscriminator.js";
import { valueAndGradients } from "../../lib/nn/gradients.js";
import { countParameters, flattenSpecs, initialise, paramTree } from "../../lib/nn/params.js";
import { onCpu } from "../nn/support/eager.js";
import { imageTranspositions } from "../nn/support/layout.js";
import { expectClose } from "../support.js";
import { type Golden, golden } from "./support/golden.js";

const test = suite("models/patchDiscriminator");

const TINY: PatchDiscriminatorConfig = { imageSize: 32, channels: 3, width: 3 };

/** Our names by the published code's: convolution, norm and activation are numbered through. */
const NAMES: readonly (readonly [theirs: string, ours: string])[] = [
  ["main.0.weight", "fromImage/kernel"],
  ["main.0.bias", "fromImage/bias"],
  ...[0, 1, 2].flatMap((i) => [
    [`main.${3 * i + 2}.weight`, `blocks/${i}/conv/kernel`] as const,
    [`main.${3 * i + 3}.weight`, `blocks/${i}/norm/gain`] as const,
    [`main.${3 * i + 3}.bias`, `blocks/${i}/norm/bias`] as const,
  ]),
  ["main.11.weight", "logits/kernel"],
  ["main.11.bias", "logits/bias"],
];

const ours = (file: Golden, prefix: string): Record<string, HostTensor> =>
  Object.fromEntries(NAMES.map(([theirs, mine]) => [mine, file.weight(prefix + theirs)]));

const judge = (config: PatchDiscriminatorConfig, named: NamedTensors, images: tf.Tensor) =>
  discriminatePatches(paramTree(patchDiscriminatorSpec(config), named), config, images);

/** All golden quantities in one step. */
const goldenStep: Step = ({ real, fake, ...params }) => {
  const D = (images: tf.Tensor) => judge(TINY, params, images);
  const player = valueAndGradients(
    () => ({ loss: discriminatorLoss("logistic", { real: D(real!), fake: D(fake!) }) }),
    params,
  );
  const penalty = valueAndGradients(() => ({ loss: r1Penalty(D, real!, 2) }), params);
  const prefixed = (prefix: string, named: NamedTensors) =>
    Object.fromEntries(Object.entries(named).map(([name, tensor]) => [prefix + name, tensor]));
  return {
    onReal: D(real!),
    onFake: D(fake!),
    dLoss: player.loss,
    r1: penalty.loss,
    ...prefixed("d/", player.gradients),
    ...prefixed("r1/", penalty.gradients),
  };
};

for (const [engine, create] of [
  ["onnxruntime", () => createOnnxEngine()],
  ["javascript", () => createEagerEngine("cpu")],
] as const)
  test(`${engine}: logits, loss, R1 and all gradients are the reference's`, async () => {
    const file = await golden("patch_d_tiny.safetensors");
    const inputs = { ...ours(file, "param."), real: file.images("in.real"), fake: file.images("in.fake") };
    const program = await (await create()).compile(goldenStep, { name: "test", inputs });
    const got = await program.run(inputs);
    await program.dispose();
    const expectLike = (key: string, want: ArrayLike<number>, relative = 2e-5) =>
      expectClose(got[key]!.data, want, key, { relative, absolute: 1e-7 });
    assert.equal(got["onReal"]!.shape, [2, 2, 2, 1]);
    expectLike("onReal", file.images("out.real").data);
    expectLike("onFake", file.images("out.fake").data);
    expectLike("dLoss", file.values("out.loss"));
    expectLike("r1", file.values("out.r1"));
    for (const [name, { data }] of Object.entries(ours(file, "grad_loss."))) expectLike(`d/${name}`, data);
    for (const [name, { data }] of Object.entries(ours(file, "grad_r1."))) expectLike(`r1/${name}`, data, 2e-4);
  });

test("the published network has 2,765,633 parameters and 30 x 30 logits at 256 pixels", () => {
  const config: PatchDiscriminatorConfig = { imageSize: 256, channels: 3 };
  const spec = patchDiscriminatorSpec(config);
  assert.is(countParameters(flattenSpecs(spec)), 2_765_633); // printed by fixtures/golden/taming_tiny.py
  assert.is(patchGrid(config), 30);
  assert.equal(
    spec.blocks.map(({ conv }) => conv.kernel.shape.slice(2)),
    [
      [64, 128],
      [128, 256],
      [256, 512],
    ],
  );
  assert.equal(spec.fromImage.kernel.init, { kind: "normal", std: 0.02 });
});

test("width, number of layers and grey images change the network, widths at most eightfold", () => {
  const config: PatchDiscriminatorConfig = { imageSize: 64, channels: 1, width: 2, layers: 4 };
  const spec = patchDiscriminatorSpec(config);
  assert.equal(
    [spec.fromImage, ...spec.blocks.map(({ conv }) => conv), spec.logits].map(({ kernel }) => kernel.shape),
    [
      [4, 4, 1, 2],
      [4, 4, 2, 4],
      [4, 4, 4, 8],
      [4, 4, 8, 16],
      [4, 4, 16, 16],
      [4, 4, 16, 1],
    ],
  );
  const shape = onCpu(() => {
    const params = Object.entries(initialise(flattenSpecs(spec), 1));
    const named = Object.fromEntries(params.map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]));
    return judge(config, named, tf.zeros([3, 64, 64, 1])).shape;
  });
  assert.equal(shape, [3, 2, 2, 1]);
});

test("images are turned at the ends and, for the gradients of the filters, at most twice a convolution", () => {
  const config: PatchDiscriminatorConfig = { imageSize: 256, channels: 3 };
  const inputs = {
    ...Object.fromEntries(
      Object.entries(flattenSpecs(patchDiscriminatorSpec(config))).map(
        ([name, { shape }]) => [name, { dtype: "float32", shape }] as const,
      ),
    ),
    images: { dtype: "float32", shape: [2, 256, 256, 3] },
  } as const;
  const forward: Step = ({ images, ...named }) => ({ logits: judge(config, named, images!) });
  assert.is(imageTranspositions(forward, inputs), 2, "of the images and of the map");
  const step: Step = ({ images, ...named }) => {
    const loss = () => tf.mean(tf.square(judge(config, named, images!))) as tf.Scalar;
    const found = Object.entries(valueAndGradients(() => ({ loss: loss() }), named).gradients);
    return Object.fromEntries(found.map(([name, gradient]) => [`grad/${name}`, gradient]));
  };
  assert.ok(imageTranspositions(step, inputs) <= 8);
});

test("images of another size and images too small for one logit are refused", () => {
  const named = () => {
    const params = Object.entries(initialise(flattenSpecs(patchDiscriminatorSpec(TINY)), 1));
    return Object.fromEntries(params.map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]));
  };
  assert.throws(
    () => onCpu(() => judge(TINY, named(), tf.zeros([2, 16, 16, 3]))),
    /patch discriminator: images: want \[\*, 32, 32, 3\], got \[2, 16, 16, 3\]/,
  );
  assert.throws(
    () => patchDiscriminatorSpec({ imageSize: 16, channels: 3 }),
    /patch discriminator: 3 layers leave nothing of 16 pixels/,
  );
});

test.run();
