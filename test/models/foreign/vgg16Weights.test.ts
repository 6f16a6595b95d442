import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { HostTensor } from "../../../lib/engine/types.js";
import { vgg16Weights } from "../../../lib/models/foreign/vgg16Weights.js";
import { vgg16Spec } from "../../../lib/models/vgg16.js";
import { flattenSpecs } from "../../../lib/nn/params.js";
import { marked, TORCHVISION, torchvision } from "../support/torchvision.js";

const test = suite("models/foreign/vgg16Weights");

const SLICES = [1, 1, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5];
const OURS = ["0/0", "0/1", "1/0", "1/1", "2/0", "2/1", "2/2", "3/0", "3/1", "3/2", "4/0", "4/1", "4/2"];

/** The same by the names of LPIPS. */
function lpips(): Record<string, HostTensor> {
  const tensors: Record<string, HostTensor> = {
    "scaling_layer.shift": marked([1, 3, 1, 1], 0),
    "lin0.model.1.weight": marked([1, 64, 1, 1], 0),
    "lins.0.model.1.weight": marked([1, 64, 1, 1], 0),
  };
  const theirs = torchvision();
  for (const [i, [index]] of TORCHVISION.entries())
    for (const kind of ["weight", "bias"])
      tensors[`net.slice${SLICES[i]}.${index}.${kind}`] = theirs[`features.${index}.${kind}`]!;
  return tensors;
}

for (const [name, tensors] of [
  ["torchvision's vgg16", torchvision()],
  ["LPIPS", lpips()],
] as const)
  test(`a file with the names of ${name} gives every parameter its tensor`, () => {
    const weights = vgg16Weights({ what: "vgg16.pth", tensors });
    const specs = flattenSpecs(vgg16Spec());
    assert.equal(Object.keys(weights), Object.keys(specs));
    for (const [key, { shape }] of Object.entries(specs)) assert.equal(weights[key]!.shape, shape, key);
    for (const [i, ours] of OURS.entries()) {
      const [index] = TORCHVISION[i]!;
      assert.is(weights[`levels/${ours}/kernel`]!.data[0], index + 1);
      assert.is(weights[`levels/${ours}/bias`]!.data[0], -index - 1);
    }
  });

test("files of other networks are refused by the names of what does not fit", () => {
  const refused = (tensors: Record<string, HostTensor>, message: RegExp) =>
    assert.throws(() => vgg16Weights({ what: "net.pth", tensors }), message);
  const { "features.21.bias": _, ...missing } = torchvision();
  refused(
    missing,
    /^net\.pth: these are not weights of VGG-16 with 64, 128, 256, 512, 512 channels; missing: features\.21\.bias$/,
  );
  const vgg19 = { ...torchvision(), "features.30.weight": marked([512, 512, 3, 3], 0) };
  refused(vgg19, /; unexpected: features\.30\.weight$/);
  const narrow = { ...torchvision(), "features.5.weight": marked([128, 32, 3, 3], 0) };
  refused(
    narrow,
    /; not as wanted: features\.5\.weight \(want float32 \[128, 64, 3, 3\], got float32 \[128, 32, 3, 3\]\)$/,
  );
  refused(
    { "conv1.weight": marked([64, 3, 7, 7], 0) },
    /missing: features\.0\.weight, .* and 18 more; unexpected: conv1\.weight$/,
  );
});

test.run();
