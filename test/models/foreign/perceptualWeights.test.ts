import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { HostTensor, NamedHostTensors } from "../../../lib/engine/types.js";
import { LPIPS, type PerceptualConfig, perceptualSpec } from "../../../lib/losses/perceptual.js";
import { perceptualWeights } from "../../../lib/models/foreign/perceptualWeights.js";
import { flattenSpecs } from "../../../lib/nn/params.js";
import { sizeOf } from "../../../lib/shapes.js";
import { goldenLpips } from "../support/lpips.js";
import { marked, torchvision } from "../support/torchvision.js";

const test = suite("models/foreign/perceptualWeights");

test("the package's file of weights, a whole LPIPS and a checkpoint with one all give the calibration", async () => {
  const file = await goldenLpips();
  const entries = Object.entries(file.tensors);
  const under = entries.map(([name, tensor]) => [`loss.perceptual_loss.${name}`, tensor] as const);
  const twice = entries.flatMap(([name, tensor]) => {
    const level = /^lin(\d)\./.exec(name)?.[1];
    return level ? [[`loss.perceptual_loss.lins.${level}.model.1.weight`, tensor] as const] : [];
  });
  const other = { "loss.discriminator.final_linear.1.bias": file.tensors["net.slice1.0.bias"]! };
  const checkpoint = { ...Object.fromEntries([...under, ...twice]), ...other };
  const lins = Object.fromEntries(entries.filter(([name]) => name.startsWith("lin")));
  const vgg = Object.fromEntries(entries.filter(([name]) => name.startsWith("net.")));
  const whole = perceptualWeights({ vgg: { what: "golden", tensors: file.tensors } }, file.config);
  assert.equal(Object.keys(whole), Object.keys(flattenSpecs(perceptualSpec(file.config))));
  assert.equal(perceptualWeights({ vgg: { what: "ckpt", tensors: checkpoint } }, file.config), whole);
  const apart = { vgg: { what: "vgg", tensors: vgg }, calibration: { what: "lin", tensors: lins } };
  assert.equal(perceptualWeights(apart, file.config), whole);
});

/** The published calibration as its package names it. */
const LINS = [64, 128, 256, 512, 512].map((C, level) => [
  `lin${level}.model.1.weight`,
  marked([1, C, 1, 1], level + 1),
]);

test("torchvision's file and the package's fill the published network, torchvision's alone its plain form", () => {
  const vgg = { what: "vgg16.pth", tensors: torchvision() };
  const calibration = { what: "vgg.pth", tensors: Object.fromEntries(LINS) as NamedHostTensors };
  const plain: PerceptualConfig = { ...LPIPS, form: "features" };
  const calibrated = perceptualWeights({ vgg, calibration });
  for (const [weights, config] of [
    [calibrated, LPIPS],
    [perceptualWeights({ vgg }, plain), plain],
  ] as const) {
    const specs = flattenSpecs(perceptualSpec(config));
    assert.equal(Object.keys(weights), Object.keys(specs));
    for (const [name, { shape }] of Object.entries(specs)) assert.equal(weights[name]!.shape, shape, name);
  }
  assert.is(calibrated["calibration/3"]!.data[0], 4);
  assert.throws(() => perceptualWeights({ vgg }), /vgg16\.pth: .* missing: lin0\.model\.1\.weight, lin1/);
});

test("weights that do not fit are refused by name, and those of another version by their scaling", async () => {
  const file = await goldenLpips();
  const refused = (change: NamedHostTensors, message: RegExp, without?: string) => {
    const tensors = { ...file.tensors, ...change };
    if (without) delete tensors[without];
    assert.throws(() => perceptualWeights({ vgg: { what: "lpips.pth", tensors } }, file.config), message);
  };
  const zeros = (...shape: number[]): HostTensor => ({
    dtype: "float32",
    shape,
    data: new Float32Array(sizeOf(shape)),
  });
  refused(
    {},
    /^lpips\.pth: these are not weights of LPIPS .*; missing: lin3\.model\.1\.weight$/,
    "lin3.model.1.weight",
  );
  refused({ "lin3.model.1.weight": zeros(1, 192, 1, 1) }, /lin3\.model\.1\.weight \(want float32 \[1, 7, 1, 1\]/);
  refused({}, /VGG-16 .*; missing: net\.slice4\.19\.bias$/, "net.slice4.19.bias");
  refused({ "net.slice6.30.bias": zeros(8) }, /; unexpected: net\.slice6\.30\.bias$/);
  refused(
    { "scaling_layer.shift": zeros(1, 3, 1, 1) },
    /scaling_layer\.shift wants -0\.03, .* as in LPIPS 0\.1, got 0, 0, 0/,
  );
});

test.run();
