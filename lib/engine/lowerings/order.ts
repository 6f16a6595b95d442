/** Running sums, and the largest of a row in order. */
import { defineLowering } from "../traceBackend.js";
import { cast } from "./elementwise.js";

defineLowering("Cumsum", ["x"], ({ inputs: { x }, attributes, graph }) => {
  const { type, shape } = x;
  const axis = Number(attributes["axis"]);
  const flag = (name: string) => (attributes[name] === true ? 1n : 0n);
  const request = {
    op: "CumSum",
    inputs: [graph.whole(x), graph.int64([axis])],
    attributes: { exclusive: flag("exclusive"), reverse: flag("reverse") },
  };
  return graph.sym(request, { type, shape });
});

/** The `k` largest along the last axis with their places, in order; of equals the first comes first. */
defineLowering("TopK", ["x"], ({ inputs: { x }, attributes, graph }) => {
  const k = Number(attributes["k"]);
  const shape = [...x.shape.slice(0, -1), k];
  const types = [{ type: x.type, shape } as const, { type: "int64", shape } as const] as const;
  const [values, places] = graph.multi({ op: "TopK", inputs: [graph.whole(x), graph.int64([k])] }, types);
  return [graph.named(values!, types[0]), cast(graph, graph.named(places!, types[1]), "int32")];
});
