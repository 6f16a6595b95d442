import { suite } from "uvu";
import * as assert from "uvu/assert";
import { augmentOf } from "../../../commands/support/augment.js";
import { resolveConfig } from "../../../commands/support/resolve.js";
import { augmentOptions } from "../../../commands/support/tables.js";
import { refusal } from "./refusal.js";

const test = suite("commands/support/augment");

test("options become what the data draws, scales in their order", async () => {
  const config = { resize: "squash", crop: "random", cropScale: [1, 1.5], flip: true } as const;
  assert.equal(augmentOf(config), config);
  assert.match(await refusal(() => augmentOf({ ...config, cropScale: [1.5, 1] })), /^--crop-scale: .* got 1\.5,1$/);
});

test("crops of images enlarged beyond reason are refused", async () => {
  const layer = { origin: { kind: "flag" }, values: { cropScale: [1, 100] } } as const;
  const refused = await refusal(() => resolveConfig(augmentOptions, [layer]));
  assert.match(refused, /^--crop-scale: want 2 numbers, each from 1 to 8, got \[1,100\]/);
});

test.run();
