import { suite } from "uvu";
import * as assert from "uvu/assert";
import { augmentOf } from "../../../commands/support/augment.js";
import { refusal } from "./refusal.js";

const test = suite("commands/support/augment");

test("options become what the data draws, scales in their order", async () => {
  const config = { resize: "squash", crop: "random", cropScale: [1, 1.5], flip: true } as const;
  assert.equal(augmentOf(config), config);
  assert.match(await refusal(() => augmentOf({ ...config, cropScale: [1.5, 1] })), /^--crop-scale: .* got 1\.5,1$/);
});

test.run();
