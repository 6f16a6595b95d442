import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { OnnxNode } from "../../lib/engine/onnx.js";
import { singleViews } from "../../lib/engine/singleViews.js";

const test = suite("engine/singleViews");

const node = (op: string, inputs: string[], output: string): OnnxNode => ({
  op,
  domain: "",
  inputs,
  outputs: [output],
  attributes: {},
});

test("of shapes given one after the other the last remains, and those that something else reads", () => {
  const nodes = [
    node("Exp", ["x"], "exp"),
    node("Reshape", ["exp", "24"], "one"),
    node("Reshape", ["one", "2,12"], "two"),
    node("Reshape", ["two", "3,8"], "three"),
    node("Reshape", ["exp", "6,4"], "shown"),
    node("Reshape", ["exp", "8,3"], "read"),
    node("Reshape", ["shown", "12,2"], "beside"),
    node("Log", ["read"], "log"),
    node("Reshape", ["read", "1,24"], "after"),
  ];
  const kept = singleViews(nodes, new Set(["three", "shown", "beside", "log", "after"]));
  assert.equal(kept, [
    node("Exp", ["x"], "exp"),
    node("Reshape", ["exp", "3,8"], "three"),
    node("Reshape", ["exp", "6,4"], "shown"),
    node("Reshape", ["exp", "8,3"], "read"),
    node("Reshape", ["shown", "12,2"], "beside"),
    node("Log", ["read"], "log"),
    node("Reshape", ["read", "1,24"], "after"),
  ]);
});

test.run();
