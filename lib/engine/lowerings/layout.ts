/**
 * Images between the two orders of their axes: tfjs has channels last, ONNX convolutions want them first.
 *
 * A symbol of shape [B, H, W, C] may exist as [B, C, H, W] only. Operations that do not care about the order then work
 * on that; the transposed copy is made, once, when one asks for it.
 */

import { sameShape, sizeOf } from "../../shapes.js";
import type { GraphBuilder } from "../graphBuilder.js";
import type { Sym } from "../symbols.js";

/** The images [B, H, W, C] as [B, C, H, W]. */
export function planes(graph: GraphBuilder, images: Sym): Sym {
  const shape = firstOrder(images.shape);
  const stored = { shape: firstOrder(fourAxes(images.stored.shape)), name: channelsFirst(graph, images) };
  return graph.named(graph.whole({ type: images.type, shape, stored }), { type: images.type, shape });
}

/** The images [B, H, W, C] whose planes [B, C, H, W] are given. */
export function imagesOf(graph: GraphBuilder, planes: Sym): Sym {
  const shape = [0, 2, 3, 1].map((axis) => planes.shape[axis]!);
  return { type: planes.type, shape, stored: { shape, channelsFirst: graph.whole(planes) } };
}

/** Whether the images exist with channels first and would have to be transposed to have them last. */
export function onlyPlanes({ stored }: Sym): boolean {
  return stored.name === undefined && stored.channelsFirst !== undefined;
}

/** Whether all elements of the images exist with channels first. */
export function havePlanes({ shape, stored }: Sym): boolean {
  return stored.channelsFirst !== undefined && sameShape(shape, stored.shape);
}

/**
 * Whether an operation on every element is better done with channels first: some operand exists so, and no more elements have to
 * change places than for the other order. What exists in both was mostly made for a convolution, and gradients come back from that
 * with channels first.
 */
export function preferPlanes(operands: readonly Sym[]): boolean {
  if (!operands.some(({ stored }) => stored.channelsFirst !== undefined)) return false;
  if (operands.some(({ shape }) => shape.length > 4)) return false;
  const moved = (missing: "name" | "channelsFirst") =>
    operands.reduce((sum, sym) => sum + (sym.stored[missing] === undefined ? movedElements(sym) : 0), 0);
  return moved("channelsFirst") <= moved("name");
}

/** Name of the stored elements with channels first, broadcasting as they do. */
export function channelsFirst(graph: GraphBuilder, sym: Sym): string {
  const { stored } = sym;
  if (stored.channelsFirst !== undefined) return stored.channelsFirst;
  const shape = fourAxes(stored.shape);
  const name = graph.compact(sym);
  if (sizeOf(shape) === 1 && stored.shape.length < 4) return name;
  const reshaped = (to: readonly number[]) =>
    graph.move({ op: "Reshape", inputs: [name, graph.int64(to)] }, stored.shape, { type: sym.type, shape: to });
  if (onlyOnesMove(shape)) return reshaped(firstOrder(shape));
  const request = {
    op: "Transpose",
    inputs: [stored.shape.length === 4 ? name : reshaped(shape)],
    attributes: { perm: [0n, 3n, 1n, 2n] },
  };
  const moved = graph.move(request, shape, { type: sym.type, shape: firstOrder(shape) });
  if (stored.shape.length === 4) stored.channelsFirst = moved;
  return moved;
}

/** Elements that a transposition of this operand would copy; constants are transposed before the graph runs. */
function movedElements({ stored }: Sym): number {
  return stored.values || onlyOnesMove(fourAxes(stored.shape)) ? 0 : sizeOf(stored.shape);
}

function onlyOnesMove([, height, width, channels]: readonly number[]): boolean {
  return channels === 1 || height! * width! === 1;
}

/** A shape of up to four axes with ones before it. */
export const fourAxes = (shape: readonly number[]): number[] => [
  ...Array.from({ length: 4 - shape.length }, () => 1),
  ...shape,
];

/** [B, H, W, C] as [B, C, H, W]. */
export const firstOrder = (shape: readonly number[]): number[] => [0, 3, 1, 2].map((axis) => shape[axis]!);
