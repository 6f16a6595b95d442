/**
 * Writes ONNX models (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) without a protobuf package.
 *
 * A message is kept as a list of chunks, so that weights of hundreds of megabytes are copied once, at the very end.
 */

/** ONNX element types (TensorProto.DataType) that graphs here use. */
export const ELEMENT = { float32: 1, uint8: 2, int32: 6, int64: 7, bool: 9, float16: 10, uint32: 12 } as const;
export type ElementType = keyof typeof ELEMENT;

/**
 * Numbers as the elements of a constant.
 * @throws Error for float16, which JavaScript has no array of
 */
export function typedArray(type: ElementType, values: ArrayLike<number>): ArrayBufferView {
  switch (type) {
    case "float32":
      return Float32Array.from(values);
    case "float16":
      throw new Error("constants are float32, and cast where they are wanted as float16");
    case "int32":
      return Int32Array.from(values);
    case "uint32":
      return Uint32Array.from(values);
    case "uint8":
      return Uint8Array.from(values);
    case "bool":
      return Uint8Array.from(values, (value) => (value ? 1 : 0));
    case "int64":
      return BigInt64Array.from(Array.from(values, BigInt));
  }
}

/** Attribute values: integers are bigint, floats are number. */
export type PlainAttribute = bigint | number | string | readonly bigint[];
/** A graph is what a `Loop` runs. */
export type Attribute = PlainAttribute | OnnxGraph;

export type OnnxNode = {
  readonly op: string;
  readonly domain: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
};

export type OnnxValue = {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly (number | string)[];
};

export type OnnxInitializer = {
  readonly name: string;
  readonly type: ElementType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
};

export type OnnxGraph = {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly initializers: readonly OnnxInitializer[];
};

const IR_VERSION = 9;
/** Version of ONNX's operators. */
export const OPSET = 20;

/** Serialises a graph as an ONNX ModelProto. Nodes are written in the order given, which ONNX Runtime's walk depends on. */
export function writeModel(graph: OnnxGraph): Uint8Array {
  return modelBytes(graph, new Map());
}

/** A model whose large tensors lie beside it, each the whole of a file of its own. */
export type SplitModel = {
  readonly model: Uint8Array;
  readonly files: readonly { readonly path: string; readonly data: Uint8Array }[];
};

/** Tensors of fewer bytes stay in the model, where ONNX Runtime reads those that decide shapes. */
export const LEAST_BESIDE = 1024;

/** Serialises a graph as `writeModel` does, but copies no weights, and is not bound by the format's 2 GiB. */
export function writeSplitModel(graph: OnnxGraph): SplitModel {
  const large = graph.initializers.filter(({ bytes }) => bytes.byteLength >= LEAST_BESIDE);
  const paths = new Map(large.map((tensor, i) => [tensor, `tensor${i}`] as const));
  return {
    model: modelBytes(graph, paths),
    files: large.map((tensor) => ({ path: paths.get(tensor)!, data: tensor.bytes })),
  };
}

function modelBytes(graph: OnnxGraph, paths: ReadonlyMap<OnnxInitializer, string>): Uint8Array {
  const others = domainsOf(graph).filter((domain) => domain !== "");
  const opsets = [["", OPSET] as const, ...others.map((domain) => [domain, 1] as const)];
  const model = new Message().integer(1, IR_VERSION).string(2, "vitvq").message(7, graphMessage(graph, paths));
  for (const [domain, version] of opsets) model.message(8, new Message().string(1, domain).integer(2, version));
  return model.toBytes();
}

/** Where the operators of a graph, and of the graphs inside it, come from. */
function domainsOf({ nodes }: OnnxGraph): string[] {
  const inside = nodes.flatMap(({ attributes }) => Object.values(attributes).filter(isGraph).flatMap(domainsOf));
  return [...new Set([...nodes.map(({ domain }) => domain), ...inside])];
}

const isGraph = (value: Attribute): value is OnnxGraph => typeof value === "object" && "nodes" in value;

function graphMessage(graph: OnnxGraph, paths: ReadonlyMap<OnnxInitializer, string>): Message {
  const message = new Message();
  for (const node of graph.nodes) message.message(1, nodeMessage(node));
  message.string(2, graph.name);
  for (const tensor of graph.initializers) message.message(5, tensorMessage(tensor, paths.get(tensor)));
  for (const value of graph.inputs) message.message(11, valueMessage(value));
  for (const value of graph.outputs) message.message(12, valueMessage(value));
  return message;
}

function nodeMessage(node: OnnxNode): Message {
  const message = new Message();
  for (const name of node.inputs) message.string(1, name);
  for (const name of node.outputs) message.string(2, name);
  message.string(4, node.op);
  for (const [name, value] of Object.entries(node.attributes)) message.message(5, attributeMessage(name, value));
  if (node.domain) message.string(7, node.domain);
  return message;
}

function attributeMessage(name: string, value: Attribute): Message {
  const message = new Message().string(1, name);
  if (typeof value === "number") return message.float(2, value).integer(20, 1);
  if (typeof value === "bigint") return message.integer(3, value).integer(20, 2);
  if (typeof value === "string") return message.string(4, value).integer(20, 3);
  if (isGraph(value)) return message.message(6, graphMessage(value, new Map())).integer(20, 5);
  for (const item of value) message.integer(8, item);
  return message.integer(20, 7);
}

const EXTERNAL = 1;

function tensorMessage({ name, type, shape, bytes }: OnnxInitializer, path: string | undefined): Message {
  const message = new Message().packedIntegers(1, shape).integer(2, ELEMENT[type]).string(8, name);
  if (path === undefined) return message.bytes(9, bytes);
  for (const [key, value] of Object.entries({ location: path, offset: "0", length: String(bytes.byteLength) }))
    message.message(13, new Message().string(1, key).string(2, value));
  return message.integer(14, EXTERNAL);
}

function valueMessage({ name, type, shape }: OnnxValue): Message {
  const dims = new Message();
  for (const dim of shape)
    dims.message(1, typeof dim === "string" ? new Message().string(2, dim) : new Message().integer(1, dim));
  const tensorType = new Message().integer(1, ELEMENT[type]).message(2, dims);
  return new Message().string(1, name).message(2, new Message().message(1, tensorType));
}

const WIRE = { varint: 0, bytes: 2, fixed32: 5 } as const;
const encoder = new TextEncoder();

/** A protobuf message under construction. */
class Message {
  private readonly chunks: Uint8Array[] = [];
  private pending: number[] = [];
  private size = 0;

  integer(field: number, value: number | bigint): this {
    this.varint((field << 3) | WIRE.varint);
    this.varint(value);
    return this;
  }

  float(field: number, value: number): this {
    this.varint((field << 3) | WIRE.fixed32);
    return this.raw(new Uint8Array(Float32Array.of(value).buffer));
  }

  bytes(field: number, value: Uint8Array): this {
    this.varint((field << 3) | WIRE.bytes);
    this.varint(value.byteLength);
    return this.raw(value);
  }

  string(field: number, value: string): this {
    return this.bytes(field, encoder.encode(value));
  }

  packedIntegers(field: number, values: readonly number[]): this {
    const packed = new Message();
    for (const value of values) packed.varint(value);
    return this.message(field, packed);
  }

  message(field: number, inner: Message): this {
    this.varint((field << 3) | WIRE.bytes);
    this.varint(inner.size);
    inner.flush();
    for (const chunk of inner.chunks) this.raw(chunk);
    return this;
  }

  toBytes(): Uint8Array {
    this.flush();
    const out = new Uint8Array(this.size);
    let at = 0;
    for (const chunk of this.chunks) {
      out.set(chunk, at);
      at += chunk.byteLength;
    }
    return out;
  }

  private varint(value: number | bigint): void {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest > 127n; rest >>= 7n) this.byte(Number(rest & 127n) | 128);
    this.byte(Number(rest));
  }

  private byte(value: number): void {
    this.pending.push(value);
    this.size++;
  }

  private raw(value: Uint8Array): this {
    this.flush();
    this.chunks.push(value);
    this.size += value.byteLength;
    return this;
  }

  private flush(): void {
    if (this.pending.length === 0) return;
    this.chunks.push(Uint8Array.from(this.pending));
    this.pending = [];
  }
}
