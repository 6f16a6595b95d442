import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine } from "../../lib/engine/eager.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { Engine, NamedHostTensors, NamedTensors, Step } from "../../lib/engine/types.js";
import { discriminatorLoss, generatorLoss } from "../../lib/losses/adversarial.js";
import { r1Penalty } from "../../lib/losses/r1.js";
import {
  type DiscriminatorConfig,
  discriminate,
  discriminatorSides,
  discriminatorSpec,
} from "../../lib/models/styleganDiscriminator.js";
import { valueAndGradients } from "../../lib/nn/gradients.js";
import { countParameters, flattenSpecs, initialise, paramTree } from "../../lib/nn/params.js";
import { stopGradient } from "../../lib/nn/stopGradient.js";
import { rngFrom } from "../../lib/random.js";
import { expectClose } from "../support.js";
import { type Golden, golden } from "./support/golden.js";
import { discriminatorNames } from "./support/portDiscriminator.js";

const test = suite("StyleGAN2 discriminator");

const TINY: DiscriminatorConfig = { imageSize: 16, channels: 3, channelScale: 6 / 2048, maxChannels: 8 };

/** The golden tensors below `prefix` by our names. */
const ours = (file: Golden, prefix: string): NamedHostTensors =>
  Object.fromEntries(discriminatorNames(2).map(([theirs, mine]) => [mine, file.weight(`${prefix}${theirs}`)]));

const judge = (config: DiscriminatorConfig, named: NamedTensors, images: tf.Tensor): tf.Tensor1D =>
  discriminate(paramTree(discriminatorSpec(config), named), config, images);

async function run(engine: Engine, step: Step, inputs: NamedHostTensors): Promise<NamedHostTensors> {
  const program = await engine.compile(step, { name: "test", inputs });
  const results = await program.run(inputs);
  await program.dispose();
  return results;
}

const only = (named: NamedTensors, without: readonly string[]): NamedTensors =>
  Object.fromEntries(Object.entries(named).filter(([name]) => !without.includes(name)));

/** All golden quantities of the discriminator in one step. */
const goldenStep: Step = (inputs) => {
  const { real, fake } = inputs as { real: tf.Tensor; fake: tf.Tensor };
  const params = only(inputs, ["real", "fake"]);
  const D = (images: tf.Tensor) => judge(TINY, params, images);
  const player = valueAndGradients(
    () => ({ loss: discriminatorLoss("logistic", { real: D(real), fake: D(fake) }) }),
    params,
  );
  const generator = valueAndGradients(() => ({ loss: generatorLoss("logistic", D(fake)) }), { fake });
  const penalty = valueAndGradients(() => ({ loss: r1Penalty(D, real, 2) }), params);
  const slope = valueAndGradients(() => ({ loss: tf.sum(D(real)) as tf.Scalar }), { real });
  const prefixed = (prefix: string, named: NamedTensors) =>
    Object.fromEntries(Object.entries(named).map(([name, tensor]) => [prefix + name, tensor]));
  const first = (n: number) => D(tf.slice(real, 0, n));
  return {
    "logits/real": D(real),
    "logits/fake": D(fake),
    "logits/4": first(4),
    "logits/2": first(2),
    dLoss: player.loss,
    gLoss: generator.loss,
    gSlope: generator.gradients["fake"]!,
    slope: slope.gradients["real"]!,
    r1: penalty.loss,
    ...prefixed("d/", player.gradients),
    ...prefixed("r1/", penalty.gradients),
  };
};

for (const [name, create] of [
  ["onnxruntime", () => createOnnxEngine()],
  ["javascript", () => createEagerEngine("cpu")],
] as const)
  test(`${name}: logits, losses, R1 and all gradients are the reference's`, async () => {
    const file = await golden("stylegan_d_tiny.safetensors");
    const inputs = { ...ours(file, "param."), real: file.images("in.real"), fake: file.images("in.fake") };
    const got = await run(await create(), goldenStep, inputs);
    const expectLike = (key: string, want: ArrayLike<number>, relative = 1e-5) =>
      expectClose(got[key]!.data, want, key, { relative, absolute: 1e-9 });
    expectLike("logits/real", file.values("out.logits_real"));
    expectLike("logits/fake", file.values("out.logits_fake"));
    expectLike("logits/4", file.values("out.logits_real_first4"));
    expectLike("logits/2", file.values("out.logits_real_first2"));
    expectLike("dLoss", file.values("out.d_loss.vanilla"));
    expectLike("gLoss", file.values("out.g_loss.vanilla"));
    expectLike("gSlope", file.images("grad_gloss_vanilla.in.fake").data);
    expectLike("slope", file.images("out.grad_logits_sum_wrt_real").data);
    expectLike("r1", file.values("out.r1"));
    for (const [key, { data }] of Object.entries(ours(file, "grad_dloss_vanilla."))) expectLike(`d/${key}`, data);
    for (const [key, { data }] of Object.entries(ours(file, "grad_r1."))) expectLike(`r1/${key}`, data, 2e-4);
  });

test("the published network at 256 pixels has 28,864,129 parameters", () => {
  const specs = flattenSpecs(discriminatorSpec({ imageSize: 256, channels: 3 }));
  assert.is(countParameters(specs), 28_864_129);
});

test("images of any side are halved rounding down while larger than four pixels", () => {
  assert.equal(discriminatorSides(28), [28, 14, 7, 3]);
  assert.equal(discriminatorSides(64), [64, 32, 16, 8, 4]);
  assert.equal(discriminatorSides(4), [4]);
  assert.equal(discriminatorSides(5), [5, 2]);
  assert.equal(discriminatorSpec({ imageSize: 28, channels: 1 }).finalDense.kernel.shape, [3 * 3 * 512, 512]);
  const { blocks } = discriminatorSpec({ imageSize: 192, channels: 3 });
  assert.equal(blocks[0]!.conv2.kernel.shape, [3, 3, 128, 256]);
});

test("grey images of 28 pixels and batches of every size give one logit each, on both engines", async () => {
  const config: DiscriminatorConfig = { imageSize: 28, channels: 1, channelScale: 1 / 128, maxChannels: 8 };
  const params = initialise(flattenSpecs(discriminatorSpec(config)), 3);
  const rng = rngFrom(4);
  const step: Step = (inputs) => ({ logits: judge(config, only(inputs, ["images"]), inputs["images"]!) });
  for (const B of [1, 3, 9]) {
    const data = Float32Array.from({ length: B * 28 * 28 }, () => rng.uniform());
    const inputs = { ...params, images: { dtype: "float32", shape: [B, 28, 28, 1], data } } as const;
    const { logits } = await run(await createOnnxEngine(), step, inputs);
    const { logits: want } = await run(await createEagerEngine("cpu"), step, inputs);
    assert.equal(logits!.shape, [B]);
    expectClose(logits!.data, want!.data, `logits of ${B}`, { relative: 1e-5 });
    assert.ok(logits!.data.some((value) => value !== 0));
  }
});

test("the discriminator's step leaves the generator alone, and the other way round", async () => {
  const config: DiscriminatorConfig = { imageSize: 8, channels: 1, channelScale: 1 / 1024, maxChannels: 4 };
  const named = initialise(flattenSpecs(discriminatorSpec(config)), 5);
  const rng = rngFrom(6);
  const noise = () => ({
    dtype: "float32" as const,
    shape: [2, 8, 8, 1],
    data: Float32Array.from({ length: 128 }, () => rng.normal()),
  });
  const inputs: NamedHostTensors = {
    ...named,
    real: noise(),
    code: noise(),
    gain: { ...noise(), shape: [2, 8, 8, 1] },
  };
  const step: Step = (tensors) => {
    const { real, code, gain } = tensors as { real: tf.Tensor; code: tf.Tensor; gain: tf.Tensor };
    const critic = only(tensors, ["real", "code", "gain"]);
    const D = (images: tf.Tensor) => judge(config, critic, images);
    const everyone = { ...critic, gain };
    const generated = () => tf.mul(code, gain);
    const second = valueAndGradients(
      () => ({ loss: discriminatorLoss("logistic", { real: D(real), fake: D(stopGradient(generated())) }) }),
      everyone,
    );
    const first = valueAndGradients(() => ({ loss: generatorLoss("logistic", D(generated())) }), { gain });
    return {
      byGenerator: first.gradients["gain"]!,
      discriminatorByGain: second.gradients["gain"]!,
      ...Object.fromEntries(Object.keys(critic).map((name) => [`moved/${name}`, second.gradients[name]!])),
    };
  };
  const results = await run(await createOnnxEngine(), step, inputs);
  assert.ok(results["discriminatorByGain"]!.data.every((value) => value === 0));
  assert.ok(results["byGenerator"]!.data.some((value) => value !== 0));
  for (const name of Object.keys(named))
    assert.ok(
      results[`moved/${name}`]!.data.some((value) => value !== 0),
      `${name} got no gradient`,
    );
});

test("images of another size and impossible configurations are refused in plain words", () => {
  const config: DiscriminatorConfig = { imageSize: 8, channels: 3, maxChannels: 2 };
  const params = initialise(flattenSpecs(discriminatorSpec(config)), 1);
  const tensors = Object.fromEntries(
    Object.entries(params).map(([name, { data, shape }]) => [name, tf.tensor(data, [...shape])]),
  );
  assert.throws(
    () => judge(config, tensors, tf.zeros([2, 16, 16, 3])),
    /discriminator: images: want \[\*, 8, 8, 3\], got \[2, 16, 16, 3\]/,
  );
  tf.dispose(tensors);
  assert.throws(
    () => discriminatorSpec({ imageSize: 0, channels: 3 }),
    /imageSize wants a whole number above 0, got 0/,
  );
  assert.throws(
    () => discriminatorSpec({ imageSize: 256, channels: 3, channelScale: 0.001 }),
    /leave no channel at 256 pixels; raise them/,
  );
});

test.run();
