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
const sizes = (batchSize: number | undefined, free: number, bytes = 4, images = 1000, guidance?: Guidance) =>
  batchSizes({ batchSize } as SampleConfig, {
    vim: { model: vim, weights: held(bytes) },
    decoder,
    rules: { guidance },
    images,
    free,
  });

test("the batch size asked for is taken; else half of the free memory decides, without what packing the weights takes", () => {
  assert.equal(sizes(7, 1), { draw: 7, decode: 7 });
  assert.equal(sizes(70, 1, 4, 12), { draw: 12, decode: 12 });
  const each = bytesPerSequence(vim);
  assert.is(sizes(undefined, 2 * 10.5 * each).draw, 10);
  assert.is(sizes(undefined, 2 * 10.5 * each, (8 * each) / 2).draw, 2);
  assert.equal(sizes(undefined, 64e9), { draw: 125, decode: 32 });
  assert.is(sizes(undefined, 0).draw, 1);
  const guided = sizes(undefined, 2 * 10.5 * each, 4, 1000, { scale: 2, schedule: "constant" });
  assert.is(guided.draw, 5, "guidance draws two sequences an image");
});

test("weights too large to be packed are drawn with in twos at least, whose rows add up as those of any batch", () => {
  assert.is(sizes(1, 64e9, 4.1e9).draw, 2);
  assert.is(sizes(undefined, 64e9, 4.1e9, 1).draw, 2);
  assert.is(sizes(1, 64e9, 3.9e9).draw, 1);
});

test.run();
