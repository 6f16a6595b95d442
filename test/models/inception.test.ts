import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createEagerEngine, withBackend } from "../../lib/engine/eager.js";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { Engine, HostTensor, NamedHostTensors, NamedTensors } from "../../lib/engine/types.js";
import { inceptionParams } from "../../lib/models/foreign/inceptionState.js";
import {
  type InceptionFeatures,
  type InceptionParams,
  type InceptionProtocol,
  inceptionFeatures,
  inceptionOutputs,
  inceptionSpec,
} from "../../lib/models/inception.js";
import { countParameters, flattenSpecs, paramTree } from "../../lib/nn/params.js";
import { expectClose } from "../support.js";
import { golden } from "./support/golden.js";
import { hashedImages, hashedInception } from "./support/hashedInception.js";

const test = suite("Inception");

const params = inceptionParams({ what: "hashed", tensors: hashedInception() });

type Network = (params: InceptionParams, images: tf.Tensor) => InceptionFeatures;

async function run(engine: Engine, network: Network, images: HostTensor): Promise<NamedHostTensors> {
  const step = (inputs: NamedTensors): NamedTensors => {
    const { pooled, logits, logitsWithoutBias } = network(paramTree(inceptionSpec(), inputs), inputs["images"]!);
    return { pooled, logits, logitsWithoutBias };
  };
  const program = await engine.compile(step, { name: "inception", inputs: { images }, constants: params });
  const results = await program.run({ images });
  await program.dispose();
  return results;
}

async function expectGolden(results: NamedHostTensors, name: string): Promise<void> {
  const file = await golden("inception.safetensors");
  for (const key of ["pooled", "logits", "logitsWithoutBias"])
    expectClose(results[key]!.data, file.values(`${name}.${key}`), `${name} ${key}`, { relative: 1e-5 });
}

for (const protocol of ["pytorch-fid", "torch-fidelity"] as const satisfies InceptionProtocol[])
  test(`onnxruntime: features of whole images under the protocol of ${protocol} are PyTorch's`, async () => {
    const images = hashedImages("images", [2, 61, 48, 3]);
    const network: Network = (tree, x) => inceptionFeatures(tree, protocol, x);
    await expectGolden(await run(await createOnnxEngine(), network, images), protocol);
  });

test("the two protocols differ by far more than the tolerance, and so do two images", async () => {
  const file = await golden("inception.safetensors");
  const [first, second] = ["pytorch-fid", "torch-fidelity"].map((name) => file.values(`${name}.pooled`));
  const gap = (a: Float32Array, b: Float32Array) =>
    a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i]!)), 0) / Math.max(...a);
  assert.ok(gap(first!, second!) > 1e-2);
  assert.ok(gap(first!.subarray(0, 2048), first!.subarray(2048)) > 1e-3);
});

for (const [name, create] of [
  ["onnxruntime", () => createOnnxEngine()],
  ["javascript", () => createEagerEngine("cpu")],
] as const)
  test(`${name}: the network on a small input that is not square is PyTorch's`, async () => {
    const network: Network = (tree, x) => inceptionOutputs(tree, tf.sub(tf.mul(x, 2), 1));
    await expectGolden(await run(await create(), network, hashedImages("wide", [1, 75, 107, 3])), "wide");
  });

test("it has the 23,834,568 parameters of Inception v3, eight classes more, and one offset for two of batch norm", () => {
  // Published for 1000 classes without auxiliary head; 17,216 channels with a gain and an offset each, of which folding
  // leaves the offset.
  const specs = flattenSpecs(inceptionSpec());
  assert.is(countParameters(specs), 23_834_568 + 8 * 2049 - 17_216);
});

test("images of another number of channels, and inputs too small for the last blocks, are refused", () => {
  withBackend("cpu", () => {
    const tree = {} as InceptionParams;
    const features = (shape: [number, number, number, number]) =>
      inceptionFeatures(tree, "pytorch-fid", tf.zeros(shape));
    assert.throws(() => features([1, 8, 8, 4]), /images: want \[\*, \*, \*, 3\], got \[1, 8, 8, 4\]/);
    assert.throws(() => inceptionOutputs(tree, tf.zeros([1, 75, 74, 3])), /at least 75x75 pixels, got 75x74/);
    assert.throws(() => inceptionOutputs(tree, tf.zeros([1, 75, 75, 1])), /input: want \[\*, \*, \*, 3\]/);
  });
});

test.run();
