import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import type { Engine, NamedHostTensors } from "../../lib/engine/types.js";
import { type VimConfig, vimSpec } from "../../lib/models/vim.js";
import { flattenSpecs, initialise } from "../../lib/nn/params.js";
import { bytesPerDecoded, bytesPerSequence, fittingBatch } from "../../lib/sample/batchSize.js";
import { PLAIN_SAMPLING } from "../../lib/sample/draw.js";
import { createSampler } from "../../lib/sample/sampler.js";
import { smallTokenizer } from "../commands/support/smallTokenizer.js";

const test = suite("sample/batchSize");

/** VIM-Base of the paper. */
const BASE: VimConfig = {
  ...{ dim: 1536, depth: 24, heads: 16, mlpDim: 6144, vocabulary: 8192 },
  ...{ grid: [32, 32], classes: 1000, positions: "rowcol" },
};

test("a sequence takes its caches and little more; guidance takes twice that", () => {
  const caches = 2 * 24 * 1024 * 1536 * 4; // 302 MB
  const bytes = bytesPerSequence(BASE);
  assert.ok(bytes > caches && bytes < 1.02 * caches, `${bytes} for ${caches}`);
  assert.is(bytesPerSequence(BASE, { passes: 2 }), 2 * bytes);
  const scores = 2 * 16 * 513 ** 2 * 4;
  const completed = bytesPerSequence(BASE, { prefixLength: 512 });
  assert.ok(completed > bytes + scores, "given codes are seen all at once");
});

test("decoding takes what the graph holds at once, more than the image itself", () => {
  const small = bytesPerDecoded(smallTokenizer);
  const image = 4 * 32 * 32 * 3; // bytes
  assert.ok(small > image && small < 10 * image, `${small} bytes`);
  const larger = bytesPerDecoded({ ...smallTokenizer, imageSize: 64 });
  assert.ok(larger >= 4 * small && larger < 16 * small, `${larger} for ${small}`);
});

test("as many as fit, up to the most, at least one, and batches alike", () => {
  const fits = (bytes: number, images: number, most = 128) => fittingBatch({ bytesEach: 10, bytes, images, most });
  assert.equal([fits(1e9, 7), fits(1e9, 500), fits(55, 500), fits(0, 500), fits(-3, 2)], [7, 125, 5, 1, 1]);
  assert.equal([fits(90, 10), fits(90, 27)], [5, 9], "two of five, not nine and one");
});

/** Logits of the first of `batchSize` sequences at every position, as they are drawn. */
async function logitsOf(batchSize: number, packed: boolean): Promise<number[]> {
  const model: VimConfig = {
    ...{ dim: 192, depth: 1, heads: 3, mlpDim: 384, vocabulary: 64 },
    ...{ grid: [2, 3], classes: 2, positions: "rowcol" },
  };
  const engine = await createOnnxEngine({ threads: 2 });
  const seen: number[] = [];
  const watched: Engine = {
    ...engine,
    compile: async (step, options) => {
      const program = await engine.compile(step, options);
      const run = async (inputs: NamedHostTensors) => {
        const results = await program.run(inputs);
        seen.push(...results["logits"]!.data.subarray(0, model.vocabulary));
        return results;
      };
      return { name: program.name, run, dispose: () => program.dispose() };
    },
  };
  const weights = initialise(flattenSpecs(vimSpec(model)), 4);
  const sampler = await createSampler({
    engine: watched,
    model,
    weights,
    batchSize,
    largestBuiltIn: packed ? Number.POSITIVE_INFINITY : 0,
  });
  const rows = Array.from({ length: batchSize }, (_, i) => i);
  const classIds = Int32Array.from(rows, (i) => i % 2);
  await sampler.sample({ classIds, seeds: rows.map((i) => 7 + i), filters: rows.map(() => PLAIN_SAMPLING) });
  await sampler.close();
  return seen;
}

test("logits are the same bits in batches of any size; with weights that are fed, of two and more", async () => {
  const want = await logitsOf(1, true);
  assert.is(want.length, 6 * 64);
  for (const size of [2, 5, 16]) assert.equal(await logitsOf(size, true), want, `packed, ${size}`);
  const fed = await logitsOf(2, false);
  for (const size of [3, 16]) assert.equal(await logitsOf(size, false), fed, `fed, ${size}`);
});

test.run();
