/**
 * Tensors whose shape ONNX Runtime learns only while a graph runs.
 *
 * It plans before: whatever dies leaves its memory to the next tensor of the same shape, which has it reserved until then, however
 * far off that is. The activations of a convolutional network and the gradients that come back through it are such tensors, and
 * in between lie all other networks of a step. What has no shape yet when plans are made takes no part in them.
 */

import { sizeOf } from "../../shapes.js";
import type { GraphBuilder } from "../graphBuilder.js";
import { ELEMENT } from "../onnx.js";
import type { Sym } from "../symbols.js";
import { havePlanes, planes } from "./layout.js";
import { reshape, slice } from "./shapes.js";

/** The same tensor, of a shape that is known late; on the processor alone, whose memory is planned so. */
export function lateShape(graph: GraphBuilder, x: Sym): Sym {
  if (!graph.varying.isFixed(x.shape)) return x; // late already
  const late = lateNames(graph);
  const name = graph.whole(x);
  const one = graph.target === "cpu" && !late.has(name) ? oneAtRun(graph) : undefined;
  if (one === undefined) return x;
  const rank = { type: "int64", shape: [x.shape.length] } as const;
  const shape = graph.once(() => graph.node({ op: "Mul", inputs: [graph.int64(x.shape), one] }, rank));
  const made = graph.node({ op: "Reshape", inputs: [name, shape] }, x);
  late.add(made);
  return graph.named(made, x);
}

/** The planes [B, C, H, W] of images, of a shape that is known late: from here on they are what there is of the images with channels first. */
export function latePlanes(graph: GraphBuilder, images: Sym): Sym {
  const late = lateShape(graph, planes(graph, images));
  if (havePlanes(images)) images.stored.channelsFirst = graph.whole(late);
  return late;
}

const namesByGraph = new WeakMap<GraphBuilder, Set<string>>();

/** Names of what has a late shape already. */
function lateNames(graph: GraphBuilder): Set<string> {
  const names = namesByGraph.get(graph) ?? new Set();
  namesByGraph.set(graph, names);
  return names;
}

/** The number 1, [1], that no optimisation can know: whether something that is fed is above infinity, plus 1. */
function oneAtRun(graph: GraphBuilder): string | undefined {
  const fed = graph.inputOf("float32");
  if (!fed) return undefined;
  return graph.once(() => {
    const first = slice(graph, reshape(graph, fed, [sizeOf(fed.shape)]), { starts: [0], ends: [1] });
    const infinity = graph.scalar(Number.POSITIVE_INFINITY, "float32");
    const above = graph.node({ op: "Greater", inputs: [graph.whole(first), infinity] }, { type: "bool", shape: [1] });
    const one = { type: "int64", shape: [1] } as const;
    const zero = graph.node({ op: "Cast", inputs: [above], attributes: { to: BigInt(ELEMENT.int64) } }, one);
    return graph.node({ op: "Add", inputs: [zero, graph.int64([1])] }, one);
  });
}
