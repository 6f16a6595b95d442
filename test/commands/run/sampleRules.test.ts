import { suite } from "uvu";
import * as assert from "uvu/assert";
import { rulesOf } from "../../../commands/run/sampleRules.js";
import { options } from "../../../commands/sample.js";
import type { LoadedModel } from "../../../commands/support/models.js";
import { resolveConfig } from "../../../commands/support/resolve.js";
import type { VimConfig } from "../../../lib/models/vim.js";
import { refusal } from "../support/refusal.js";

const test = suite("commands/run/sampleRules");

const model: VimConfig = {
  ...{ dim: 8, depth: 1, heads: 2, mlpDim: 16, grid: [4, 4], vocabulary: 16, classes: 3, positions: "rowcol" },
};

type Case = { change?: Partial<VimConfig>; classIds?: number[]; classDropout?: number } & Record<string, unknown>;

function rules({ change = {}, classIds = [0, 1, 2], classDropout = 0.1, ...values }: Case) {
  const { config } = resolveConfig(options, [{ origin: { kind: "flag" }, values: { vim: "v", out: "o", ...values } }]);
  const stored = { file: "f", hash: "h", tensors: {}, config: { command: "train-vim", options: { classDropout } } };
  const vim = { model: { ...model, ...change }, weights: {}, hash: "h", stored } as unknown as LoadedModel<VimConfig>;
  const warnings: string[] = [];
  const warn = (text: string) => warnings.push(text);
  return { ...rulesOf(config, { vim, classNames: ["a", "b", "c"], classIds, warn }), warnings };
}

test("guidance is as asked, and there is none by default", () => {
  assert.is(rules({}).guidance, undefined);
  assert.equal(rules({ guidance: 2 }).guidance, { scale: 2, schedule: "constant" });
  const { guidance, warnings } = rules({ guidance: 0, guidanceSchedule: "cosine", classIds: [0, 3] });
  assert.equal([guidance, warnings], [{ scale: 0, schedule: "cosine" }, []]);
});

test("guidance where there is nothing to lead from or to is refused", async () => {
  const refused = (given: Case) => refusal(() => rules({ guidance: 2, ...given }));
  assert.match(await refused({ change: { classes: 0 }, classIds: [0] }), /^--guidance: this model was trained without/);
  assert.match(await refused({ change: { classless: false } }), /^--guidance: this model knows no images without/);
  assert.match(await refused({ classIds: [3] }), /^--guidance: images without a class are guided nowhere/);
});

test("a model that never saw images without a class is warned of", () => {
  assert.match(rules({ guidance: 2, classDropout: 0 }).warnings.join(), /--class-dropout 0/);
  assert.equal(rules({ classDropout: 0 }).warnings, []);
});

test.run();
