import { suite } from "uvu";
import * as assert from "uvu/assert";
import { SAMPLE_RULES } from "../../../commands/run/sampleIdleOptions.js";
import { options } from "../../../commands/sample.js";
import { refuseIdle } from "../../../commands/support/idle.js";
import { type Origin, resolveConfig } from "../../../commands/support/resolve.js";
import { refusal } from "../support/refusal.js";

const test = suite("commands/run/sampleIdleOptions");

function refuse(values: Record<string, unknown>, origin: Origin = { kind: "flag" }): void {
  const required = { vim: "v", out: "o" };
  const resolved = resolveConfig(options, [{ origin, values: { ...required, ...values } }]);
  refuseIdle(resolved, options, SAMPLE_RULES);
}

test("options of completion want --complete", async () => {
  const idle = { keep: 0.5, ways: 4, limit: 2, labels: "file", strict: true, resize: "cover" };
  for (const [name, value] of Object.entries(idle)) {
    assert.is(
      await refusal(() => refuse({ [name]: value })),
      `--${name}: changes nothing here; it wants --complete. Leave it out`,
    );
    refuse({ [name]: value, complete: "images" });
  }
});

test("options of drawing from nothing want a call without --complete", async () => {
  assert.match(
    await refusal(() => refuse({ count: 3, complete: "images" })),
    /^--count: .* without --complete, where --limit/,
  );
  const judged = { rejectWith: "file", complete: "images" };
  assert.match(await refusal(() => refuse(judged)), /^--reject-with: .* without --complete/);
  refuse({ count: 3, rejectWith: "file", acceptance: 0.2 });
});

test("schedule and acceptance want what they belong to, but a file may say what holds anyway", async () => {
  assert.match(await refusal(() => refuse({ guidanceSchedule: "constant" })), /it wants a --guidance other than 1/);
  assert.match(await refusal(() => refuse({ acceptance: 0.5 })), /it wants --reject-with/);
  const file = { kind: "file", path: "run.yaml" } as const;
  refuse({ guidanceSchedule: "constant", acceptance: 0.5, keep: 0.5, strict: false }, file);
  assert.match(await refusal(() => refuse({ guidanceSchedule: "linear" }, file)), /^guidanceSchedule in run.yaml: /);
  refuse({ guidanceSchedule: "linear", guidance: 2 });
});

test("labels want images of their own class, what cuts codes wants more than the likeliest", async () => {
  const labels = { complete: "images", labels: "file" };
  assert.match(await refusal(() => refuse({ ...labels, classes: ["cat"] })), /^--labels: .* without --classes/);
  assert.match(await refusal(() => refuse({ ...labels, unconditional: true })), /^--labels/);
  refuse(labels);
  assert.match(await refusal(() => refuse({ temperature: 0, topK: 5 })), /^--top-k: .* a --temperature above 0/);
  assert.match(await refusal(() => refuse({ temperature: 0, topP: 0.5 })), /^--top-p/);
  refuse({ temperature: 0, topK: 5, classFilter: ["cat:temperature=1"] });
  refuse({ temperature: 0.1, topK: 5 });
});

test("seeds leave nothing to do for count, seed and rejection", async () => {
  for (const [flag, values] of [
    ["--count", { count: 2 }],
    ["--seed", { seed: 0 }],
    ["--reject-with", { rejectWith: "x.onnx" }],
    ["--complete", { complete: "images" }],
  ] as const) {
    refuse(values);
    const message = await refusal(() => refuse({ ...values, seeds: [1] }));
    assert.is(message, `${flag}: changes nothing here; it wants a call without --seeds. Leave it out`);
  }
});

test("acceptance wants a classifier, and a spec one of images", async () => {
  assert.match(await refusal(() => refuse({ acceptance: 0.5 })), /^--acceptance: .* it wants --reject-with\./);
  const spec = { classifierSpec: "x.json" };
  assert.match(await refusal(() => refuse(spec)), /^--classifier-spec: .* it wants --reject-with an \.onnx file/);
  assert.match(
    await refusal(() => refuse({ ...spec, rejectWith: "probe/classifier.safetensors" })),
    /^--classifier-spec/,
  );
  refuse({ ...spec, rejectWith: "net.onnx", acceptance: 0.5 });
});

test.run();
