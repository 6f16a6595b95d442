/**
 * Builds one ONNX graph out of symbols: tensors that have a shape and a name instead of numbers.
 *
 * Four things keep the graph small. Equal nodes are made once. A tensor that is a broadcast of something smaller keeps
 * only the smaller thing (`stored`) until an operation needs it whole. Images that convolutions made stay in their order
 * of axes until something needs the other. And nodes that no output needs are left out.
 */

import { sameShape } from "../shapes.js";
import { finishGraph, type TracedGraph } from "./finishGraph.js";
import { expectOutsideName, Initializers } from "./initializers.js";
import {
  ELEMENT,
  type ElementType,
  type OnnxInitializer,
  type OnnxNode,
  type OnnxValue,
  type PlainAttribute,
} from "./onnx.js";
import type { OutputType, Stored, Sym, Target, TraceOptions } from "./symbols.js";
import type { Precision } from "./types.js";
import { VaryingDimensions } from "./varyingDimensions.js";

type NodeRequest = {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly attributes?: Readonly<Record<string, PlainAttribute>>;
  readonly domain?: string;
};

/** How nodes are made for a while. */
type Mode = {
  /** Equal nodes are made once within a scope. */
  readonly scope: number;
  /** Of matrix products. */
  readonly precision: Precision;
};

/** The scope of nodes outside of any `fresh`. */
const OUTSIDE = 0;

export class GraphBuilder {
  readonly target: Target;
  readonly initializers = new Initializers();
  readonly varying = new VaryingDimensions();
  private readonly inputs: OnnxValue[] = [];
  private readonly nodes: OnnxNode[] = [];
  private readonly known = new Map<string, readonly string[]>();
  private readonly types = new Map<string, OutputType>();
  private counter = 0;
  private freshScopes = OUTSIDE;
  private mode: Mode;

  constructor({ target, precision = "float32" }: TraceOptions = { target: "cpu" }) {
    this.target = target;
    this.mode = { scope: OUTSIDE, precision };
  }

  /** Of the matrix products that are made now. */
  get precision(): Precision {
    return this.mode.precision;
  }

  /**
   * Declares a graph input. A string dimension has a stand-in size while tracing; what depends on it is refused.
   * @throws RangeError for a name that internal tensors may have, or too many string dimensions
   */
  input(value: OnnxValue): Sym {
    expectOutsideName(value.name);
    this.inputs.push(value);
    return this.named(value.name, { type: value.type, shape: this.varying.standIns(value.shape) });
  }

  /** An input of this type and a fixed shape that has elements, if there is one. */
  inputOf(type: ElementType): Sym | undefined {
    const fixed = (dim: number | string) => typeof dim === "number" && dim > 0;
    const found = this.inputs.find((input) => input.type === type && input.shape.every(fixed));
    return found && this.named(found.name, { type, shape: found.shape as readonly number[] });
  }

  /**
   * Declares weights that are part of the model.
   * @throws RangeError for a name that internal tensors may have
   */
  initializer(tensor: OnnxInitializer): Sym {
    this.initializers.add(tensor);
    return this.named(tensor.name, tensor);
  }

  /** Weights that are part of the model, made while tracing; once, if they come again under the same name. */
  derived(name: string, make: () => Omit<OnnxInitializer, "name">): Sym {
    const tensor = this.initializers.derived(name, make);
    return this.named(tensor.name, tensor);
  }

  /**
   * A tensor whose numbers are known; one that holds a single value throughout is kept as a scalar.
   * @throws Error when a number, or how many different ones there are, depends on a dimension that varies from run to run
   */
  constant(values: ArrayLike<number>, shape: readonly number[], type: ElementType): Sym {
    const first = values[0] ?? 0;
    let uniform = true;
    for (let i = 1; uniform && i < values.length; i++) uniform = Object.is(values[i], first);
    const stored: Stored = uniform ? { shape: [], values: [first] } : { shape, values };
    this.varying.expectFixed(stored.shape);
    this.varying.expectFixedNumbers(stored.values!);
    return { type, shape, stored };
  }

  /** The one value of a symbol known to hold the same number everywhere, else undefined. */
  uniformValue(sym: Sym): number | undefined {
    return sym.stored.values && sym.stored.shape.length === 0 ? sym.stored.values[0] : undefined;
  }

  /** Name of a value that holds all elements of `sym`. */
  whole(sym: Sym): string {
    const compact = this.compact(sym);
    if (sameShape(sym.stored.shape, sym.shape)) return compact;
    return this.node({ op: "Expand", inputs: [compact, this.int64(sym.shape)] }, sym);
  }

  /** Name of a value that broadcasts to `sym` (equal to it unless it is a broadcast of something smaller). */
  compact(sym: Sym): string {
    const { stored } = sym;
    stored.name ??=
      stored.channelsFirst === undefined
        ? this.initializers.constant(stored.values ?? [], { type: sym.type, shape: stored.shape })
        : this.channelsLast(stored.channelsFirst, { type: sym.type, shape: stored.shape });
    return stored.name;
  }

  /** Appends a node whose one output is of the given type, or finds the equal one made before. */
  node(request: NodeRequest, type: OutputType): string {
    return this.multi(request, [type])[0]!;
  }

  /** Appends a node with several outputs. */
  multi({ op, inputs, attributes = {}, domain = "" }: NodeRequest, outputs: readonly OutputType[]): readonly string[] {
    const words = Object.entries(attributes).map(([name, value]) => `${name}=${String(value)}`);
    const key = JSON.stringify([this.mode.scope, domain, op, outputs.length, inputs, words]);
    const before = this.known.get(key);
    if (before) return before;
    const names = outputs.map(() => `%${this.counter++}`);
    outputs.forEach((type, i) => {
      this.types.set(names[i]!, type);
    });
    this.known.set(key, names);
    this.nodes.push({ op, domain, inputs, outputs: names, attributes });
    return names;
  }

  /**
   * Like `node`, for one that moves the elements of its first input, of shape `from`: WebGPU moves numbers only, and booleans go as
   * integers there.
   */
  move(request: NodeRequest, from: readonly number[], type: OutputType): string {
    if (this.target !== "webgpu" || type.type !== "bool") return this.node(request, type);
    const [moved, ...others] = request.inputs as [string, ...string[]];
    const numbers = this.cast(moved, { type: "int32", shape: from });
    const made = this.node({ ...request, inputs: [numbers, ...others] }, { type: "int32", shape: type.shape });
    return this.cast(made, type);
  }

  /** Like `node`, giving the result as a symbol. */
  sym(request: NodeRequest, type: OutputType): Sym {
    return this.named(this.node(request, type), type);
  }

  /** The symbol of an existing value. */
  named(name: string, { type, shape }: OutputType): Sym {
    return { type, shape, stored: { shape, name } };
  }

  /**
   * An int64 vector (shapes, axes, starts).
   * @throws Error when a value depends on a dimension that varies from run to run: the graph could not follow it
   */
  int64(values: readonly number[]): string {
    this.varying.expectFixed(values);
    return this.initializers.constant(values, { type: "int64", shape: [values.length] });
  }

  /**
   * A scalar of any type.
   * @throws Error when it depends on a dimension that varies from run to run
   */
  scalar(value: number, type: ElementType): string {
    this.varying.expectFixedNumbers([value]);
    return this.initializers.constant([value], { type, shape: [] });
  }

  /** Runs `body` so that its nodes are made anew even if equal ones exist: recomputation instead of keeping. */
  fresh<T>(body: () => T): T {
    return this.under({ scope: ++this.freshScopes }, body);
  }

  /** Runs `body` so that its nodes are made once, inside `fresh` as well: for small tensors that many places need. */
  once<T>(body: () => T): T {
    return this.under({ scope: OUTSIDE }, body);
  }

  /** Runs `body` so that its matrix products are of float32, whatever those of the others are. */
  fullPrecision<T>(body: () => T): T {
    return this.under({ precision: "float32" }, body);
  }

  /** Runs `body` in another mode. */
  private under<T>(change: Partial<Mode>, body: () => T): T {
    const outer = this.mode;
    this.mode = { ...outer, ...change };
    try {
      return body();
    } finally {
      this.mode = outer;
    }
  }

  /**
   * The finished graph: see `finishGraph`.
   * @throws RangeError for a result whose name internal tensors, an input or weights may have
   */
  finish(name: string, outputs: Readonly<Record<string, Sym>>): TracedGraph {
    const results = Object.entries(outputs).map(([output, sym]) => ({
      output: { name: output, type: sym.type, shape: this.varying.named(sym.shape) },
      value: this.whole(sym),
      after: this.nodes.length,
    }));
    const { inputs, nodes, types, initializers } = this;
    return finishGraph({ name, inputs, nodes, types, initializers, results });
  }

  private cast(value: string, type: OutputType): string {
    return this.node({ op: "Cast", inputs: [value], attributes: { to: BigInt(ELEMENT[type.type]) } }, type);
  }

  /** The images [B, C, H, W] as `last`, [B, H, W, C]. */
  private channelsLast(images: string, last: OutputType): string {
    const first = [0, 3, 1, 2].map((axis) => last.shape[axis]!);
    return this.move({ op: "Transpose", inputs: [images], attributes: { perm: [0n, 2n, 3n, 1n] } }, first, last);
  }
}
