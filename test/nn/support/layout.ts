/** What graphs do to the order of axes. */
import "../../../lib/engine/lowerings/index.js";
import { trace } from "../../../lib/engine/traceBackend.js";
import type { Step, StepOptions } from "../../../lib/engine/types.js";

/** Number of transpositions in the graph of `step` that move images between channels first and channels last. */
export function imageTranspositions(step: Step, inputs: StepOptions["inputs"]): number {
  const { nodes } = trace(step, { name: "layout", inputs }, "cpu");
  const orders = nodes.filter(({ op }) => op === "Transpose").map(({ attributes }) => String(attributes["perm"]));
  return orders.filter((order) => order === "0,3,1,2" || order === "0,2,3,1").length;
}
