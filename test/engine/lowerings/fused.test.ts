import { suite } from "uvu";
import { compareEngines } from "../support/compareEngines.js";
import { cases } from "./cases/fused.js";

const test = suite("lowerings/fused");

for (const [sentence, group] of Object.entries(cases)) {
  test(sentence, () => compareEngines(sentence, group));
  // No GPU is asked for: what the graph avoids on other devices is replaced by operations the CPU has as well.
  test(`${sentence}, in a graph for WebGPU`, () => compareEngines(sentence, group, "webgpu"));
}

test.run();
