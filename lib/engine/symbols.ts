/** What is known of tensors while a graph is traced. */
import type { ElementType } from "./onnx.js";
import type { Precision } from "./types.js";

/** A traced tensor: `stored` holds its elements and broadcasts to `shape`. */
export type Sym = {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly stored: Stored;
};

/** What a symbol's elements are: the output of a node, or numbers known while tracing. */
export type Stored = {
  readonly shape: readonly number[];
  /** Unset for constants that no node has read yet, and for images that exist with channels first only. */
  name?: string;
  /** The same elements as [B, C, H, W], where the shape is [B, H, W, C]: see lowerings/layout.ts. */
  channelsFirst?: string;
  readonly values?: ArrayLike<number>;
};

/** What a node gives. */
export type OutputType = { readonly type: ElementType; readonly shape: readonly number[] };

/** Which device a graph is written for: fused CPU operations do not exist on the others. */
export type Target = "cpu" | "webgpu";

/** What a graph is written for. */
export type TraceOptions = {
  readonly target: Target;
  /** Of matrix products; float32 if absent. */
  readonly precision?: Precision;
};
