import { suite } from "uvu";
import * as assert from "uvu/assert";
import { batchSizes } from "../../../commands/run/sampleBatch.js";
import type { SampleConfig } from "../../../commands/sample.js";
import type { HostTensor } from "../../../lib/engine/types.js";
import type { VimConfig } from "../../../lib/models/vim.js";
import { bytesPerSequence } from "../../../lib/sample/batchSize.js";
import type { Guidance } from "../../../lib/sample/guidance.js";
import { smallTokenizer } from "../support/smallTokenizer.js";

const test = suite("commands/run/sampleBatch");

const vim: VimConfig = {
  ...{ dim: 256, depth: 4, heads: 4, mlpDim: 1024, vocabulary: 512 },
  ...{ grid: [16, 16], classes: 0, positions: "rowcol" },
};

/** A tensor that says it is so large. */
const held = (bytes: number) => ({
  w: { dtype: "float32", shape: [bytes / 4], data: { byteLength: bytes } } as unknown as HostTensor,
});
const decoder = { model: smallTokenizer };
const sizes = (
  batchSize: number | undefined,
  free: number,
  { bytes = 4, images = 1000, guidance, prefixLength = 0, ...on }: Change = {},
) =>
  batchSizes({ batchSize, engine: "onnxruntime", device: "cpu", ...on } as SampleConfig, {
    vim: { model: vim, weights: held(bytes) },
    decoder,
    rules: { guidance },
    prefixLength,
    images,
    free,
    memory: 12e9,
  });

type Change = { bytes?: number; images?: number; guidance?: Guidance; prefixLength?: number } & Partial<
  Pick<SampleConfig, "engine" | "device">
>;

test("the batch size asked for is taken; else half of the free memory decides", () => {
  assert.equal(sizes(7, 1), { draw: 7, decode: 7 });
  assert.equal(sizes(70, 1, { images: 12 }), { draw: 12, decode: 12 });
  const each = bytesPerSequence(vim);
  assert.is(sizes(undefined, 2 * 10.5 * each).draw, 10);
  assert.equal(sizes(undefined, 64e9), { draw: 125, decode: 32 });
  assert.is(sizes(undefined, 0).draw, 1);
  const guided = sizes(undefined, 2 * 10.5 * each, { guidance: { scale: 2, schedule: "constant" } });
  assert.is(guided.draw, 5, "guidance draws two sequences an image");
});

test("packed weights take the place of those that were read; where codes are given they are there a second time", () => {
  const prefixLength = 2;
  const free = 2 * 10.5 * bytesPerSequence(vim, { prefixLength });
  assert.is(sizes(undefined, free, { prefixLength }).draw, 10);
  const bytes = 8 * bytesPerSequence(vim, { prefixLength });
  assert.is(sizes(undefined, free, { prefixLength, bytes }).draw, 2);
  const room = 2 * 10.5 * bytesPerSequence(vim);
  assert.is(sizes(undefined, room, { bytes }).draw, 10);
  const twice = { bytes: 4 * bytesPerSequence(vim) };
  assert.is(sizes(undefined, room, { ...twice, engine: "tensorflow" }).draw, 2, "it keeps those that were read");
  assert.is(sizes(undefined, room, { ...twice, device: "cuda" }).draw, 2);
});

test("weights too large to be packed are drawn with in twos at least, whose rows add up as those of any batch", () => {
  assert.is(sizes(1, 64e9, { bytes: 4.1e9 }).draw, 2);
  assert.is(sizes(undefined, 64e9, { bytes: 4.1e9, images: 1 }).draw, 2);
  assert.is(sizes(1, 64e9, { bytes: 3.9e9 }).draw, 1);
  assert.is(sizes(1, 64e9, { bytes: 3.9e9, prefixLength: 2 }).draw, 2, "two graphs have less room");
  assert.is(sizes(1, 64e9, { bytes: 2.6e9, prefixLength: 2 }).draw, 1);
  assert.is(
    sizes(1, 64e9, { bytes: 3.9e9, prefixLength: 2, device: "cuda" }).draw,
    1,
    "the device's memory is another",
  );
});

test.run();
