/**
 * Builds one ONNX graph out of symbols: tensors that have a shape and a name instead of numbers.
 *
 * Four things keep the graph small. Equal nodes are made once. A tensor that is a broadcast of something smaller keeps
 * only the smaller thing (`stored`) until an operation needs it whole. Images that convolutions made stay in their order
 * of axes until something needs the other. And nodes that no output needs are left out.
 */
import { createHash } from "node:crypto";
import {
  type Attribute,
  type ElementType,
  type OnnxGraph,
  type OnnxInitializer,
  type OnnxNode,
  type OnnxValue,
  typedArray,
} from "./onnx.js";
import { sameShape } from "./shapeMath.js";
import { singleViews } from "./singleViews.js";
import type { Precision } from "./types.js";

/** A traced tensor: `stored` holds its elements and broadcasts to `shape`. */
export type Sym = {
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly stored: Stored;
};

/** What a symbol's elements are: the output of a node, or numbers known while tracing. */
type Stored = {
  readonly shape: readonly number[];
  /** Unset for constants that no node has read yet, and for images that exist with channels first only. */
  name?: string;
  /** The same elements as [B, C, H, W], where the shape is [B, H, W, C]: see lowerings/layout.ts. */
  channelsFirst?: string;
  readonly values?: ArrayLike<number>;
};

type NodeRequest = {
  readonly op: string;
  readonly inputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
  readonly domain?: string;
};

/** Which device a graph is written for: fused CPU operations do not exist on the others. */
export type Target = "cpu" | "webgpu";

/** What a graph is written for. */
export type TraceOptions = {
  readonly target: Target;
  /** Of matrix products; float32 if absent. */
  readonly precision?: Precision;
};

/** A finished graph that still knows the types of what its nodes make besides the outputs. */
export type TracedGraph = OnnxGraph & { readonly intermediates: readonly OnnxValue[] };

export type OutputType = { readonly type: ElementType; readonly shape: readonly number[] };

/** Sizes that stand for varying dimensions while tracing: primes that no other size is likely to be a multiple of. */
const STAND_INS = [1009, 1013, 1019, 1021];

/** The scope of nodes outside of any `fresh`. */
const OUTSIDE = 0;

export class GraphBuilder {
  private readonly nodes: OnnxNode[] = [];
  private readonly known = new Map<string, readonly string[]>();
  private readonly types = new Map<string, OutputType>();
  private readonly inputs: OnnxValue[] = [];
  private readonly initializers = new Map<string, OnnxInitializer>();
  private readonly varying = new Map<number, string>();
  private counter = 0;
  private freshScope = OUTSIDE;
  private freshScopes = OUTSIDE;

  readonly target: Target;
  private productPrecision: Precision;

  constructor({ target, precision = "float32" }: TraceOptions = { target: "cpu" }) {
    this.target = target;
    this.productPrecision = precision;
  }

  /** Of the matrix products that are made now. */
  get precision(): Precision {
    return this.productPrecision;
  }

  /**
   * Declares a graph input. A string dimension has a stand-in size while tracing; `int64` refuses what depends on it.
   * @throws RangeError for a name that internal tensors may have, or too many string dimensions
   */
  input(value: OnnxValue): Sym {
    expectOutsideName(value.name);
    this.inputs.push(value);
    const shape = value.shape.map((dim) => (typeof dim === "string" ? this.standIn(dim) : dim));
    return { type: value.type, shape, stored: { shape, name: value.name } };
  }

  /** An input of this type and a fixed shape that has elements, if there is one. */
  inputOf(type: ElementType): Sym | undefined {
    const fixed = (dim: number | string) => typeof dim === "number" && dim > 0;
    const found = this.inputs.find((input) => input.type === type && input.shape.every(fixed));
    return found && this.named(found.name, { type, shape: found.shape as readonly number[] });
  }

  /** Declares weights that are part of the model. */
  initializer(tensor: OnnxInitializer): Sym {
    expectOutsideName(tensor.name);
    this.initializers.set(tensor.name, tensor);
    return { type: tensor.type, shape: tensor.shape, stored: { shape: tensor.shape, name: tensor.name } };
  }

  /** The weights that `sym` is, where it is weights that are part of the model, as they are or put in order by `derived`. */
  builtIn({ stored, shape }: Sym): OnnxInitializer | undefined {
    const tensor = stored.name === undefined ? undefined : this.initializers.get(stored.name);
    return tensor && sameShape(tensor.shape, shape) ? tensor : undefined;
  }

  /** Weights that are part of the model, made while tracing; once, if they come again under the same name. */
  derived(name: string, make: () => Omit<OnnxInitializer, "name">): Sym {
    const own = `%k ${name}`;
    const tensor = this.initializers.get(own) ?? { name: own, ...make() };
    this.initializers.set(own, tensor);
    return this.named(own, tensor);
  }

  /** A tensor whose numbers are known; one that holds a single value throughout is kept as a scalar. */
  constant(values: ArrayLike<number>, shape: readonly number[], type: ElementType): Sym {
    const first = values[0] ?? 0;
    let uniform = true;
    for (let i = 1; uniform && i < values.length; i++) uniform = Object.is(values[i], first);
    const stored: Stored = uniform ? { shape: [], values: [first] } : { shape, values };
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
        ? this.writeConstant(stored.values ?? [], stored.shape, sym.type)
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
    const key = JSON.stringify([this.freshScope, domain, op, outputs.length, inputs, words]);
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
    this.expectFixed(values);
    return this.writeInitializer("int64", [values.length], BigInt64Array.from(values, BigInt));
  }

  /** @throws Error when one of these sizes depends on a dimension that varies from run to run */
  expectFixed(sizes: readonly number[]): void {
    for (const size of sizes) {
      const dim = this.varyingDimension(size);
      if (dim !== undefined)
        throw new Error(`a shape inside the step depends on "${dim}", which varies from run to run`);
    }
  }

  /** The dimension on which a size depends and which varies from run to run; undefined for a size that is fixed. */
  varyingDimension(size: number): string | undefined {
    for (const [standIn, dim] of this.varying)
      if (size !== 0 && Number.isSafeInteger(size) && size % standIn === 0) return dim;
    return undefined;
  }

  /** A scalar of any type. */
  scalar(value: number, type: ElementType): string {
    return this.writeConstant([value], [], type);
  }

  /** Runs `body` so that its nodes are made anew even if equal ones exist: recomputation instead of keeping. */
  fresh<T>(body: () => T): T {
    return this.inScope(++this.freshScopes, body);
  }

  /** Runs `body` so that its nodes are made once, inside `fresh` as well: for small tensors that many places need. */
  once<T>(body: () => T): T {
    return this.inScope(OUTSIDE, body);
  }

  private inScope<T>(scope: number, body: () => T): T {
    const outer = this.freshScope;
    this.freshScope = scope;
    try {
      return body();
    } finally {
      this.freshScope = outer;
    }
  }

  /** Runs `body` so that its matrix products are of float32, whatever those of the others are. */
  fullPrecision<T>(body: () => T): T {
    const outer = this.productPrecision;
    this.productPrecision = "float32";
    try {
      return body();
    } finally {
      this.productPrecision = outer;
    }
  }

  /**
   * The finished graph. Its nodes come in **reverse** order of emission: ONNX Runtime walks from the outputs and visits
   * later nodes of the file first, so a reversed file runs in the order of emission, backward pieces right before their
   * use; otherwise every recomputed tensor would be made early and kept alive.
   */
  finish(name: string, outputs: Readonly<Record<string, Sym>>): TracedGraph {
    const renamed = new Map<string, string>();
    const values: OnnxValue[] = [];
    for (const [outputName, sym] of Object.entries(outputs)) {
      this.expectNewName(name, outputName);
      const value = this.whole(sym);
      const made = value.startsWith("%") && !this.isInitializer(value);
      if (made && !renamed.has(value)) renamed.set(value, outputName);
      else this.nodes.push({ op: "Identity", domain: "", inputs: [value], outputs: [outputName], attributes: {} });
      values.push({ name: outputName, type: sym.type, shape: sym.shape.map((dim) => this.varying.get(dim) ?? dim) });
    }
    const rename = (value: string) => renamed.get(value) ?? value;
    const wanted = new Set([...renamed.keys(), ...Object.keys(outputs)]);
    const nodes = singleViews(this.needed(new Set(wanted)), wanted).map((node) => ({
      ...node,
      inputs: node.inputs.map(rename),
      outputs: node.outputs.map(rename),
    }));
    const read = new Set(nodes.flatMap((node) => node.inputs));
    const initializers = [...this.initializers.values()].filter((tensor) => read.has(tensor.name));
    const made = new Set(nodes.flatMap((node) => node.outputs));
    const intermediates = [...this.types].flatMap(([value, { type, shape }]) =>
      made.has(value) ? [{ name: value, type, shape }] : [],
    );
    return { name, nodes: nodes.reverse(), inputs: this.inputs, outputs: values, intermediates, initializers };
  }

  private needed(wanted: Set<string>): OnnxNode[] {
    const kept: OnnxNode[] = [];
    for (const node of [...this.nodes].reverse()) {
      if (!node.outputs.some((output) => wanted.has(output))) continue;
      kept.push(node);
      for (const input of node.inputs) wanted.add(input);
    }
    return kept.reverse();
  }

  /** The images [B, C, H, W] as `last`, [B, H, W, C]. */
  private channelsLast(images: string, last: OutputType): string {
    return this.node({ op: "Transpose", inputs: [images], attributes: { perm: [0n, 2n, 3n, 1n] } }, last);
  }

  private standIn(dim: string): number {
    for (const [size, name] of this.varying) if (name === dim) return size;
    const size = STAND_INS[this.varying.size];
    if (size === undefined)
      throw new RangeError(`a step has at most ${STAND_INS.length} varying dimensions, at "${dim}"`);
    this.varying.set(size, dim);
    return size;
  }

  private expectNewName(graph: string, output: string): void {
    expectOutsideName(output);
    if (this.inputs.some(({ name }) => name === output) || this.isInitializer(output))
      throw new RangeError(`${graph}: "${output}" names an input and a result; ONNX wants different names`);
  }

  private isInitializer(name: string): boolean {
    return this.initializers.has(name);
  }

  private writeConstant(values: ArrayLike<number>, shape: readonly number[], type: ElementType): string {
    return this.writeInitializer(type, shape, typedArray(type, values));
  }

  /** Adds a constant under a name made of its contents, so that equal ones (a mask in every layer) are one. */
  private writeInitializer(type: ElementType, shape: readonly number[], array: ArrayBufferView): string {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    const contents =
      bytes.length <= 32 ? Buffer.from(bytes).toString("hex") : createHash("sha256").update(bytes).digest("hex");
    const name = `%k ${type} [${shape.join(",")}] ${contents}`;
    if (!this.initializers.has(name)) this.initializers.set(name, { name, type, shape, bytes });
    return name;
  }
}

/** Names of internal tensors start with a character that no other name may start with. */
function expectOutsideName(name: string): void {
  if (name.startsWith("%")) throw new RangeError(`tensor names must not start with %, got "${name}"`);
}
