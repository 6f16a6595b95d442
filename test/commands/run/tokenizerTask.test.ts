import { suite } from "uvu";
import * as assert from "uvu/assert";
import { vimConfig } from "../../../commands/run/priorModel.js";
import { tokenizerTask } from "../../../commands/run/tokenizerTask.js";
import { resolveConfig } from "../../../commands/support/resolve.js";
import { tokenizerPresets } from "../../../commands/support/tokenizerPresets.js";
import { options as vimOptions } from "../../../commands/trainVim.js";
import { options } from "../../../commands/trainVq.js";
import { patchGrid } from "../../../lib/models/patchDiscriminator.js";
import { refusal } from "../support/refusal.js";

const test = suite("commands/run/tokenizerTask");

/** The task of the tiny preset with some options set. */
const task = (values: Readonly<Record<string, unknown>>) =>
  tokenizerTask(
    resolveConfig(options, [
      { origin: { kind: "flag" }, values: { data: "photos", out: "vq", ...values } },
      { origin: { kind: "preset", name: "tiny" }, values: tokenizerPresets.tiny },
    ]).config,
    undefined,
  );

test("a PatchGAN wants images that leave it a logit", async () => {
  const patch = (imageSize: number, more = {}) => task({ discriminator: "patch", imageSize, patchSize: 1, ...more });
  for (const size of [16, 23])
    assert.match(
      await refusal(() => patch(size)),
      new RegExp(`^--discriminator: patch wants images of at least 24 pixels a side, got ${size}; want a larger`),
    );
  patch(24);
  assert.equal(
    [23, 24].map((imageSize) => patchGrid({ imageSize, channels: 3 })),
    [0, 1],
  );
  patch(16, { adversarialWeight: 0 });
});

test("a discriminator wants a channel at every level", async () => {
  const small = { imageSize: 256, discriminatorScale: 0.003 };
  assert.match(
    await refusal(() => task(small)),
    /^--discriminator-scale: 0.003 leaves no channel of the discriminator for images of 256 pixels a side; want a larger/,
  );
  task({ ...small, discriminatorScale: 0.004 });
  task({ ...small, adversarialWeight: 0 });
});

test("a size beyond reason is refused by its option's name", async () => {
  for (const [values, want] of [
    [{ codebookSize: 1e12 }, /^--codebook-size: want an integer from 2 to 1048576, got 1000000000000$/],
    [{ codeDim: 1e12 }, /^--code-dim: want an integer from 1 to 65536/],
    [{ codeDepth: 1e9 }, /^--code-depth: want an integer from 1 to 1024/],
    [{ encoderDim: 1e9 }, /^--encoder-dim: want an integer from 1 to 65536/],
    [{ decoderDepth: 1e5 }, /^--decoder-depth: want an integer from 1 to 1024/],
    [{ imageSize: 1e6 }, /^--image-size: want an integer from 1 to 16384/],
    [{ cnnMultipliers: [1, 1e9] }, /^--cnn-multipliers: want a list of integers, each from 1 to 65536/],
  ] as const)
    assert.match(await refusal(() => task(values)), want);
});

test("sizes that are too large together are refused", async () => {
  const codebook = { codebookSize: 2 ** 20, codeDim: 4096 };
  assert.match(
    await refusal(() => task(codebook)),
    /^the sizes are too large together: quantizer\/codebook would have 1048576 x 4096 numbers, want at most 2,147,483,648/,
  );
  assert.match(
    await refusal(() => task({ batchSize: 1e6 })),
    /: a batch of images would have 1000000 x 32 x 32 x 3 numbers/,
  );
  assert.match(
    await refusal(() => task({ imageSize: 16384, patchSize: 1, batchSize: 1, adversarialWeight: 0 })),
    /: the tokens of an image would have 268435456 x 128 numbers/,
  );
  assert.match(
    await refusal(() => task({ discriminator: "patch", discriminatorScale: 1e4 })),
    /: discriminator\/blocks\/0\/conv\/kernel would have/,
  );
  task({ codebookSize: 2 ** 18, codeDim: 256 });
});

test("so are those of a VIM", async () => {
  const values = { dim: 65536, mlpDim: 65536, depth: 1, heads: 8 };
  const { config } = resolveConfig(vimOptions, [{ origin: { kind: "flag" }, values }]);
  const codes = { grid: [4, 4], vocabulary: 32, classes: 0 } as const;
  assert.match(await refusal(() => vimConfig(config, codes)), /^the sizes are too large together: blocks\/0\//);
  assert.match(
    await refusal(() => vimConfig({ ...config, dim: 32, mlpDim: 32, batchSize: 1e9 }, codes)),
    /a batch of codes would have 1000000000 x 16 numbers/,
  );
  const refused = await refusal(() =>
    resolveConfig(vimOptions, [{ origin: { kind: "flag" }, values: { depth: 1e9 } }]),
  );
  assert.match(refused, /^--depth: want an integer from 1 to 1024/);
});

test.run();
