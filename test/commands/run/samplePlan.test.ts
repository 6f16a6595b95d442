import { suite } from "uvu";
import * as assert from "uvu/assert";
import { planImages, sharesOf } from "../../../commands/run/samplePlan.js";
import type { Rejection } from "../../../commands/run/sampleRejection.js";
import { options } from "../../../commands/sample.js";
import { resolveConfig } from "../../../commands/support/resolve.js";
import type { VimConfig } from "../../../lib/models/vim.js";
import { refusal } from "../support/refusal.js";

const test = suite("commands/run/samplePlan");

const model = { classes: 3 } as VimConfig;

const configOf = (values: Readonly<Record<string, unknown>>) =>
  resolveConfig(options, [{ origin: { kind: "flag" }, values: { vim: "v", out: "o", ...values } }]).config;

test("images are shared among the classes, earlier ones getting what is over", () => {
  assert.equal([...sharesOf(configOf({ count: 5 }), model, ["a", "b", "c"])].flat(), [0, 2, 1, 2, 2, 1]);
});

test("more images than can be planned are refused, whether they are wanted or drawn to choose from", async () => {
  assert.match(
    await refusal(() => configOf({ count: 1e12 })),
    /^--count: want an integer from 1 to 10000000, got 1000000000000$/,
  );
  const shares = new Map([[0, 10]]);
  assert.is(planImages(0, shares, { acceptance: 0.5 } as Rejection).length, 20);
  assert.match(
    await refusal(() => planImages(0, shares, { acceptance: 1e-9 } as Rejection)),
    /^--acceptance: to keep so few, 10,000,000,000 images would be drawn, want at most 10,000,000; keep a larger share/,
  );
});

test.run();
