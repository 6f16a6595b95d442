import { suite } from "uvu";
import * as assert from "uvu/assert";
import { expectOutsideName, Initializers } from "../../lib/engine/initializers.js";
import type { ElementType, OnnxInitializer } from "../../lib/engine/onnx.js";
import type { Sym } from "../../lib/engine/symbols.js";

const test = suite("engine/initializers");

const weights = (name: string, shape: number[] = []): OnnxInitializer => ({
  name,
  type: "float32",
  shape,
  bytes: new Uint8Array(4 * shape.reduce((a, b) => a * b, 1)),
});

const symbolOf = ({ name, type, shape }: OnnxInitializer): Sym => ({ type, shape, stored: { shape, name } });

test("equal constants are written once, constants that differ in value, type, shape or sign of zero are not", () => {
  const initializers = new Initializers();
  const name = (values: number[], shape: number[], type: ElementType) => initializers.constant(values, { type, shape });
  assert.is(name([1, 2], [2], "float32"), name([1, 2], [2], "float32"));
  const long = new Array<number>(20).fill(3);
  assert.is(name(long, [20], "float32"), name(long, [20], "float32"));
  const different = [
    name([1, 2], [2], "float32"),
    name([1, 2], [1, 2], "float32"),
    name([1, 2], [2], "int32"),
    name([1, 2], [2], "int64"),
    name([1, 3], [2], "float32"),
    name([0, 1], [2], "float32"),
    name([-0, 1], [2], "float32"),
    name([1, 0], [2], "bool"),
    name([], [0], "int64"),
    name([0], [], "float32"),
    name([-0], [], "float32"),
    name([Number.NaN], [], "float32"),
    name([Number.NEGATIVE_INFINITY], [], "float32"),
    name([0], [], "uint32"),
    name(long, [20], "float32"),
    name(long.with(19, 4), [20], "float32"),
  ];
  assert.is(new Set(different).size, different.length);
  assert.is(initializers.among(new Set(different)).length, different.length);
});

test("constants of every type are written in their own bytes", () => {
  const written = (type: ElementType, values: number[]) => {
    const initializers = new Initializers();
    const name = initializers.constant(values, { type, shape: [values.length] });
    return initializers.among(new Set([name]))[0]!.bytes.slice().buffer;
  };
  assert.equal([...new Float32Array(written("float32", [0.5, -2]))], [0.5, -2]);
  assert.equal([...new Int32Array(written("int32", [-7, 9]))], [-7, 9]);
  assert.equal([...new Uint32Array(written("uint32", [1, 4294967295]))], [1, 4294967295]);
  assert.equal([...new BigInt64Array(written("int64", [-1, 2 ** 40]))], [-1n, 2n ** 40n]);
  assert.equal([...new Uint8Array(written("bool", [0, 1, 5]))], [0, 1, 1]);
});

test("what is asked for comes in the order in which it was added", () => {
  const initializers = new Initializers();
  for (const name of ["b", "a", "c"]) initializers.add(weights(name));
  assert.equal(
    initializers.among(new Set(["a", "b", "unknown"])).map(({ name }) => name),
    ["b", "a"],
  );
  assert.ok(initializers.has("c"));
  assert.not.ok(initializers.has("unknown"));
});

test("weights are known again by their symbol, unless it is another view of them", () => {
  const initializers = new Initializers();
  const w = weights("w", [2, 3]);
  initializers.add(w);
  assert.is(initializers.builtIn(symbolOf(w)), w);
  assert.is(initializers.builtIn({ ...symbolOf(w), shape: [4, 2, 3] }), undefined);
  assert.is(initializers.builtIn(symbolOf(weights("x", [2, 3]))), undefined);
  assert.is(initializers.builtIn({ type: "float32", shape: [], stored: { shape: [], values: [1] } }), undefined);
});

test("weights made while tracing are made once, and are weights as well", () => {
  const initializers = new Initializers();
  let made = 0;
  const make = () => {
    made++;
    return { type: "float32" as const, shape: [2], bytes: new Uint8Array(8) };
  };
  const turned = initializers.derived("w turned", make);
  assert.is(initializers.derived("w turned", make), turned);
  assert.is.not(initializers.derived("v turned", make), turned);
  assert.is(made, 2);
  assert.is(initializers.builtIn(symbolOf(turned)), turned);
});

test("weights must not have names of internal tensors", () => {
  assert.throws(() => new Initializers().add(weights("%0")), /must not start with %, got "%0"/);
  assert.throws(() => expectOutsideName("%k"), RangeError);
  expectOutsideName("a%");
});

test.run();
