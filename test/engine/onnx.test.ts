import * as ort from "onnxruntime-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type OnnxGraph, writeModel, writeSplitModel } from "../../lib/engine/onnx.js";

const test = suite("engine/onnx");

/** The fields of a protobuf message in order; bytes are left undecoded. */
type Field = { field: number; value: bigint | Uint8Array };

/** A protobuf reader that knows nothing of ONNX: https://protobuf.dev/programming-guides/encoding. */
function fieldsOf(bytes: Uint8Array): Field[] {
  const fields: Field[] = [];
  let at = 0;
  const varint = (): bigint => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++]!;
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return value;
    }
  };
  const take = (count: number) => {
    at += count;
    return bytes.subarray(at - count, at);
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const wire = key & 7;
    const value = wire === 0 ? varint() : take(wire === 5 ? 4 : Number(varint()));
    fields.push({ field: key >> 3, value });
  }
  assert.is(at, bytes.length);
  return fields;
}

const all = (bytes: Uint8Array, field: number) => fieldsOf(bytes).filter((one) => one.field === field);
const messages = (bytes: Uint8Array, field: number) => all(bytes, field).map(({ value }) => value as Uint8Array);
const message = (bytes: Uint8Array, field: number) => messages(bytes, field)[0]!;
const integer = (bytes: Uint8Array, field: number) => all(bytes, field)[0]!.value as bigint;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const texts = (bytes: Uint8Array, field: number) => messages(bytes, field).map(text);

const graph: OnnxGraph = {
  name: "drawn",
  nodes: [
    {
      op: "Scale",
      domain: "com.example",
      inputs: ["x", "w"],
      outputs: ["y", "z"],
      attributes: { axis: -1n, alpha: 0.5, mode: "größer", perm: [0n, 300n, -2n] },
    },
    { op: "Neg", domain: "", inputs: ["y"], outputs: ["v"], attributes: {} },
  ],
  inputs: [{ name: "x", type: "int32", shape: ["t", 200] }],
  outputs: [{ name: "v", type: "float32", shape: [] }],
  initializers: [{ name: "w", type: "int64", shape: [2, 1], bytes: new Uint8Array(BigInt64Array.of(-1n, 7n).buffer) }],
};
const body = message(writeModel(graph), 7);

test("a model names its version, its producer and the operator sets that its nodes are of", () => {
  const model = writeModel(graph);
  assert.is(integer(model, 1), 9n);
  assert.equal(texts(model, 2), ["vitvq"]);
  const opsets = messages(model, 8).map((set) => [text(message(set, 1)), integer(set, 2)]);
  assert.equal(opsets, [
    ["", 20n],
    ["com.example", 1n],
  ]);
  assert.equal(texts(body, 2), ["drawn"]);
});

test("nodes are written in the order given, with their names, domain and attributes", () => {
  const [scale, neg] = messages(body, 1) as [Uint8Array, Uint8Array];
  assert.equal(
    [texts(scale, 1), texts(scale, 2), texts(scale, 4), texts(scale, 7)],
    [["x", "w"], ["y", "z"], ["Scale"], ["com.example"]],
  );
  assert.equal([texts(neg, 1), texts(neg, 2), texts(neg, 4), texts(neg, 7)], [["y"], ["v"], ["Neg"], []]);
  const attributes = messages(scale, 5);
  assert.equal(
    attributes.map((one) => text(message(one, 1))),
    ["axis", "alpha", "mode", "perm"],
  );
  const [axis, alpha, mode, perm] = attributes as [Uint8Array, Uint8Array, Uint8Array, Uint8Array];
  assert.equal(
    attributes.map((one) => integer(one, 20)),
    [2n, 1n, 3n, 7n],
  );
  assert.is(BigInt.asIntN(64, integer(axis, 3)), -1n);
  assert.is(new DataView(message(alpha, 2).slice().buffer).getFloat32(0, true), 0.5);
  assert.is(text(message(mode, 4)), "größer");
  assert.equal(
    all(perm, 8).map(({ value }) => BigInt.asIntN(64, value as bigint)),
    [0n, 300n, -2n],
  );
});

test("inputs and outputs carry type and shape, dimensions being numbers or names", () => {
  const typeOf = (value: Uint8Array) => message(message(value, 2), 1);
  const dims = (value: Uint8Array) =>
    messages(message(typeOf(value), 2), 1).map((dim) =>
      fieldsOf(dim).map(({ field, value: v }) => (field === 1 ? Number(v) : text(v as Uint8Array))),
    );
  const [x, v] = [message(body, 11), message(body, 12)];
  assert.equal([text(message(x, 1)), integer(typeOf(x), 1), dims(x)], ["x", 6n, [["t"], [200]]]);
  assert.equal([text(message(v, 1)), integer(typeOf(v), 1), dims(v)], ["v", 1n, []]);
});

test("weights are written as raw bytes", () => {
  const w = message(body, 5);
  assert.equal([...message(w, 1)], [2, 1]); // packed dims
  assert.is(integer(w, 2), 7n);
  assert.is(text(message(w, 8)), "w");
  assert.equal([...new BigInt64Array(message(w, 9).slice().buffer)], [-1n, 7n]);
});

test("a split model leaves large tensors beside it, uncopied, and ONNX Runtime puts them together", async () => {
  const weights = Float32Array.from({ length: 1000 }, (_, i) => i);
  const small = Float32Array.of(0.5);
  const split = writeSplitModel({
    name: "scaled",
    nodes: [
      { op: "Mul", domain: "", inputs: ["scaled", "small"], outputs: ["y"], attributes: {} },
      { op: "Mul", domain: "", inputs: ["x", "w"], outputs: ["scaled"], attributes: {} },
    ],
    inputs: [{ name: "x", type: "float32", shape: [1] }],
    outputs: [{ name: "y", type: "float32", shape: [1000] }],
    initializers: [
      { name: "w", type: "float32", shape: [1000], bytes: new Uint8Array(weights.buffer) },
      { name: "small", type: "float32", shape: [1], bytes: new Uint8Array(small.buffer) },
    ],
  });
  assert.ok(split.model.length < 500, `a model of ${split.model.length} bytes`);
  assert.equal(
    split.files.map(({ data }) => data.buffer),
    [weights.buffer],
  );
  const session = await ort.InferenceSession.create(split.model, { externalData: split.files });
  weights.fill(Number.NaN); // the session has a copy of its own
  const { y } = await session.run({ x: new ort.Tensor("float32", Float32Array.of(4), [1]) });
  assert.equal([...(y!.data as Float32Array)].slice(0, 4), [0, 2, 4, 6]);
  await session.release();
});

test("ONNX Runtime reads the model and computes with it, nodes in reverse order among them", async () => {
  const weights = Float32Array.from({ length: 100_000 }, (_, i) => i % 7);
  const session = await ort.InferenceSession.create(
    writeModel({
      name: "sum",
      nodes: [
        { op: "ReduceSum", domain: "", inputs: ["p", "axes"], outputs: ["y"], attributes: { keepdims: 0n } },
        { op: "Mul", domain: "", inputs: ["x", "w"], outputs: ["p"], attributes: {} },
      ],
      inputs: [{ name: "x", type: "float32", shape: ["rows", 100_000] }],
      outputs: [{ name: "y", type: "float32", shape: ["rows"] }],
      initializers: [
        { name: "w", type: "float32", shape: [100_000], bytes: new Uint8Array(weights.buffer) },
        { name: "axes", type: "int64", shape: [1], bytes: new Uint8Array(BigInt64Array.of(1n).buffer) },
      ],
    }),
  );
  assert.equal([...session.inputNames, ...session.outputNames], ["x", "y"]);
  const { y } = await session.run({
    x: new ort.Tensor("float32", new Float32Array(200_000).fill(1, 100_000), [2, 100_000]),
  });
  const wanted = weights.reduce((a, b) => a + b, 0);
  assert.equal([...(y!.data as Float32Array)], [0, wanted]);
  await session.release();
});

test.run();
