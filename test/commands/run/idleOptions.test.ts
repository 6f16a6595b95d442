import { suite } from "uvu";
import * as assert from "uvu/assert";
import { options } from "../../../commands/encode.js";
import { refuseIdleEncodeOptions } from "../../../commands/run/idleOptions.js";
import { resolveConfig } from "../../../commands/support/resolve.js";
import { refusal } from "../support/refusal.js";

const test = suite("commands/run/idleOptions");

/** Asks for the options as if they were typed. */
const refuse = (values: Readonly<Record<string, unknown>>) =>
  refuseIdleEncodeOptions(resolveConfig(options, [{ origin: { kind: "flag" }, values }]) as never);

test("options of encode that change nothing are refused with what they want", async () => {
  for (const [values, want] of [
    [{ flip: true }, /^--flip: changes nothing here; it wants --views 2 or more\. Leave it out$/],
    [{ crop: "random" }, /^--crop: .* --views 2 or more/],
    [{ cropScale: [1, 2] }, /^--crop-scale: .* --views 2 or more/],
    [{ seed: 1 }, /^--seed: .* --views 2 or more/],
    [{ views: 2, flip: true, seed: 1 }, /^--seed: .* --crop random/],
    [{ views: 2, flip: true, cropScale: [1, 2] }, /^--crop-scale: .* --crop random/],
    [{ views: 2, crop: "random", resize: "squash" }, /^--crop: .* --crop-scale above 1/],
  ] as const)
    assert.match(await refusal(() => refuse(values)), want);
});

test("options of encode that change something are taken", () => {
  refuse({});
  refuse({ views: 2, flip: true });
  refuse({ views: 3, crop: "random", flip: true, seed: 4 });
  refuse({ views: 3, crop: "random", cropScale: [1, 1.5], resize: "squash" });
});

test.run();
