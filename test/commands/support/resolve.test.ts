import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { OptionTable } from "../../../commands/support/options.js";
import { type Layer, refuseConflicts, requireAll, resolveConfig } from "../../../commands/support/resolve.js";
import { refusal } from "./refusal.js";

const test = suite("commands/support/resolve");

const options = {
  out: { type: "string", value: "folder", describe: "Where the run goes", required: true },
  steps: { type: "number", describe: "Updates", integer: true, min: 1, default: 100 },
  rate: { type: "number", describe: "Largest step", default: 0.1 },
  seed: { type: "number", describe: "Of all randomness" },
  flip: { type: "boolean", describe: "Mirror" },
} as const satisfies OptionTable;

const flags = (values: Layer["values"]): Layer => ({ origin: { kind: "flag" }, values });
const file = (values: Layer["values"]): Layer => ({ origin: { kind: "file", path: "run.yaml" }, values });
const preset = (values: Layer["values"]): Layer => ({ origin: { kind: "preset", name: "small" }, values });

test("flags win over the file, the file over the preset, the preset over defaults", () => {
  const layers = [flags({ steps: 1 }), file({ steps: 2, rate: 2 }), preset({ steps: 3, rate: 3, seed: 3 })];
  const { config, origins } = resolveConfig(options, layers);
  assert.equal(config, { steps: 1, rate: 2, seed: 3, flip: false });
  assert.is(origins.steps?.kind, "flag");
  assert.equal(origins.rate, { kind: "file", path: "run.yaml" });
  assert.equal(origins.seed, { kind: "preset", name: "small" });
  assert.is(origins.flip?.kind, "default");
});

test("false and 0 are values like others", () => {
  const { config } = resolveConfig({ ...options, flip: { ...options.flip, default: true } }, [
    flags({ flip: false, rate: 0 }),
    file({ flip: true, rate: 1 }),
  ]);
  assert.is(config.flip, false);
  assert.is(config.rate, 0);
});

test("explicit are the options that were set, even to their default", () => {
  const { explicit } = resolveConfig(options, [flags({ steps: 100 }), file({ rate: 1 }), preset({ seed: 2 })]);
  assert.equal([...explicit].sort(), ["rate", "seed", "steps"]);
});

test("options without a value are not in the config", () => {
  const { config, origins } = resolveConfig(options, []);
  assert.equal(Object.keys(config), ["steps", "rate", "flip"]);
  assert.is("seed" in origins, false);
});

test("a wrong value is named with its place, also where a stronger layer hides it", async () => {
  assert.is(
    await refusal(() => resolveConfig(options, [flags({ steps: 5 }), file({ steps: 0 })])),
    "steps in run.yaml: want an integer at least 1, got 0",
  );
  assert.is(
    await refusal(() => resolveConfig(options, [preset({ rate: "1" })])),
    'rate of preset small: want a number, got "1"',
  );
});

test("a required option must come from somewhere", async () => {
  const given = resolveConfig(options, [file({ out: "runs/a" })]);
  requireAll(options, given.config);
  const none = resolveConfig(options, []);
  assert.is(
    await refusal(() => requireAll(options, none.config)),
    "--out is missing (Where the run goes); give it as a flag or in --config",
  );
});

test("a resumed run refuses other settings than its own, and says whose they are", async () => {
  const stored = { steps: 100, rate: 0.5 };
  const layers = [flags({ steps: 7 }), file({ rate: 0.2 }), { origin: { kind: "stored" }, values: stored } as const];
  const resolved = resolveConfig(options, layers);
  assert.is(
    await refusal(() => refuseConflicts(resolved, stored, { mayChange: [] }, options)),
    "--resume: --steps asks for 7, but the run was started with 100; leave it out, or start another run",
  );
  assert.match(
    await refusal(() => refuseConflicts(resolved, stored, { mayChange: ["steps"] }, options)),
    /^--resume: rate in run\.yaml asks for 0\.2, but the run was started with 0\.5;/,
  );
  refuseConflicts(resolved, stored, { mayChange: ["steps", "rate"] }, options);
});

test("a place is the same however it is written", async () => {
  const stored = { out: "runs/a" };
  for (const out of ["runs/a/", "./runs/a", path.resolve("runs/a")])
    refuseConflicts(resolveConfig(options, [flags({ out })]), stored, { mayChange: [] }, options);
  const other = resolveConfig(options, [flags({ out: "runs/b" })]);
  assert.match(
    await refusal(() => refuseConflicts(other, stored, { mayChange: [] }, options)),
    /--out asks for "runs\/b"/,
  );
});

test("a place may be named anew where there was one, but not where there was none", async () => {
  const given = resolveConfig(options, [flags({ out: "runs/b" })]);
  const changeable = { mayChange: [], mayMove: ["out"] } as const;
  refuseConflicts(given, { out: "runs/a" }, changeable, options);
  assert.match(await refusal(() => refuseConflicts(given, {}, changeable, options)), /--out .* was started with none/);
});

test("a resumed run takes its own settings over defaults, and the same ones given again", () => {
  const stored = { steps: 40, rate: 0.5, flip: true };
  const resolved = resolveConfig(options, [flags({ rate: 0.5 }), { origin: { kind: "stored" }, values: stored }]);
  refuseConflicts(resolved, stored, { mayChange: [] }, options);
  assert.equal(resolved.config, { steps: 40, rate: 0.5, flip: true });
  assert.equal([...resolved.explicit], ["rate"]);
});

test("options that a stored run does not name stood at their default, or at none", async () => {
  const stored = { steps: 100 };
  const resolved = (values: Record<string, unknown>) =>
    resolveConfig(options, [flags(values), { origin: { kind: "stored" }, values: stored }]);
  refuseConflicts(resolved({ flip: false }), stored, { mayChange: [] }, options);
  assert.match(
    await refusal(() => refuseConflicts(resolved({ flip: true }), stored, { mayChange: [] }, options)),
    /--flip asks for true, but the run was started with false/,
  );
  assert.match(
    await refusal(() => refuseConflicts(resolved({ out: "a" }), stored, { mayChange: [] }, options)),
    /--out asks for "a", but the run was started with none/,
  );
});

test.run();
