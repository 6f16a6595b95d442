/** Images between the two orders of their axes: tfjs has channels last, ONNX convolutions want them first. */
import type { GraphBuilder, Sym } from "../graphBuilder.js";
import { transpose } from "./shapes.js";

/** The images [B, H, W, C] as [B, C, H, W]. */
export function planes(graph: GraphBuilder, images: Sym): Sym {
  return transpose(graph, images, [0, 3, 1, 2]);
}

/** The images [B, H, W, C] whose planes [B, C, H, W] are given. */
export function imagesOf(graph: GraphBuilder, planes: Sym): Sym {
  return transpose(graph, planes, [0, 2, 3, 1]);
}

/** Whether the images exist with channels first and would have to be transposed to have them last. */
export function onlyPlanes(_images: Sym): boolean {
  return false;
}
