import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { NamedHostTensors } from "../../../lib/engine/types.js";
import { FileError } from "../../../lib/errors.js";
import { inceptionParams, inceptionStateShapes } from "../../../lib/models/foreign/inceptionState.js";
import { expectClose, expectThrow } from "../../support.js";
import { hashedInception } from "../support/hashedInception.js";

const test = suite("models/foreign/inceptionState");

const state = hashedInception();

const paramsOf = (tensors: NamedHostTensors) => inceptionParams({ what: "inception.pth", tensors });

test("the state has the names and shapes of torchvision's Inception3 with 1008 classes and no auxiliary head", () => {
  const shapes = inceptionStateShapes();
  assert.is(Object.keys(shapes).length, 94 * 5 + 2); // 94 convolutions, each with a batch normalization
  assert.equal(shapes["Conv2d_1a_3x3.conv.weight"], [32, 3, 3, 3]);
  assert.equal(shapes["Conv2d_1a_3x3.bn.running_var"], [32]);
  assert.equal(shapes["Mixed_6b.branch7x7_2.conv.weight"], [128, 128, 1, 7]);
  assert.equal(shapes["Mixed_6e.branch7x7dbl_4.conv.weight"], [192, 192, 7, 1]);
  assert.equal(shapes["Mixed_7c.branch3x3dbl_3b.conv.weight"], [384, 384, 3, 1]);
  assert.equal(shapes["fc.weight"], [1008, 2048]);
  assert.equal(shapes["fc.bias"], [1008]);
});

test("batch normalization is folded in: weight gamma / sqrt(variance + 0.001), beta - mean gamma / sqrt(...)", () => {
  const params = paramsOf(state);
  const layer = "Mixed_6b.branch7x7_2";
  const bn = (name: string) => state[`${layer}.bn.${name}`]!.data;
  const gain = (o: number) => bn("weight")[o]! / Math.sqrt(bn("running_var")[o]! + 0.001);
  const kernel = params["Mixed_6b/branch7x7_2/kernel"]!;
  assert.equal(kernel.shape, [1, 7, 128, 128]);
  const [o, n, tap] = [5, 77, 3];
  const want = state[`${layer}.conv.weight`]!.data[(o * 128 + n) * 7 + tap]! * gain(o);
  expectClose([kernel.data[(tap * 128 + n) * 128 + o]!], [want], "kernel", { relative: 1e-7 });
  const bias = params["Mixed_6b/branch7x7_2/bias"]!.data;
  expectClose([bias[o]!], [bn("bias")[o]! - bn("running_mean")[o]! * gain(o)], "bias", { absolute: 1e-7 });
  const fc = params["fc/kernel"]!;
  assert.equal(fc.shape, [2048, 1008]);
  assert.is(fc.data[3 * 1008 + 2], state["fc.weight"]!.data[2 * 2048 + 3]);
});

test("tensors beyond those it reads are ignored; missing ones, other shapes and types are all named", () => {
  const counter = { dtype: "int32", shape: [], data: Int32Array.of(0) } as const;
  const more = { ...state, "Conv2d_1a_3x3.bn.num_batches_tracked": counter };
  assert.is(Object.keys(paramsOf(more)).length, 94 * 2 + 2);
  const { "Mixed_5b.branch1x1.bn.bias": _, "fc.bias": __, ...less } = state;
  const torchvision = { dtype: "float32", shape: [1000, 2048], data: new Float32Array(2_048_000) } as const;
  const whole = { dtype: "int32", shape: [64], data: new Int32Array(64) } as const;
  const damaged = { ...less, "fc.weight": torchvision, "Mixed_5b.branch1x1.bn.weight": whole };
  const { message } = expectThrow(() => paramsOf(damaged), FileError);
  assert.is(
    message,
    "inception.pth: these are not weights of Inception v3 as in pt_inception-2015-12-05 of pytorch-fid or " +
      "torch-fidelity; missing: Mixed_5b.branch1x1.bn.bias, fc.bias; not as wanted: " +
      "Mixed_5b.branch1x1.bn.weight (want float32 [64], got int32 [64]), " +
      "fc.weight (want float32 [1008, 2048], got float32 [1000, 2048])",
  );
});

test.run();
