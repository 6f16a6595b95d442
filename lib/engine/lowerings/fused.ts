/** Operations of `nn/` that are one operator of ONNX. */
import { defineLowering } from "../traceBackend.js";

defineLowering("Softmax", ["logits"], ({ inputs: { logits }, attributes, graph }) => {
  const axis = BigInt(Number(attributes["dim"]));
  return graph.sym({ op: "Softmax", inputs: [graph.whole(logits)], attributes: { axis } }, logits);
});

/** y, mean and 1/std of a layer norm over the last axis. */
defineLowering("LayerNorm", ["x", "gain", "bias"], ({ inputs: { x, gain, bias }, attributes, graph }) => {
  const request = {
    op: "LayerNormalization",
    inputs: [graph.whole(x), graph.whole(gain), graph.whole(bias)],
    attributes: { axis: -1n, epsilon: Number(attributes["epsilon"]) },
  };
  const rows = { type: x.type, shape: [...x.shape.slice(0, -1), 1] };
  const [y, mean, inverse] = graph.multi(request, [x, rows, rows]);
  return [graph.named(y!, x), graph.named(mean!, rows), graph.named(inverse!, rows)];
});

defineLowering("Gelu", ["x"], ({ inputs: { x }, graph }) =>
  graph.sym({ op: "Gelu", inputs: [graph.whole(x)], domain: graph.target === "cpu" ? "com.microsoft" : "" }, x),
);
