import { suite } from "uvu";
import * as assert from "uvu/assert";
import { tokenizerTask } from "../../../commands/run/tokenizerTask.js";
import { resolveConfig } from "../../../commands/support/resolve.js";
import { tokenizerPresets } from "../../../commands/support/tokenizerOptions.js";
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

test.run();
