import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import { toHostTensor } from "../../lib/files/elements.js";
import type { FileTensor } from "../../lib/files/safetensors.js";
import { expectThrow } from "../support.js";

const test = suite("elements");

const convert = (tensor: Omit<FileTensor, "shape"> & { data: ArrayLike<unknown> }) =>
  toHostTensor("w", { ...tensor, shape: [tensor.data.length] } as FileTensor);

/** IEEE half precision by its definition. */
function halfValue(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(half >> 10) & 31, half & 1023];
  if (exponent === 31) return fraction ? Number.NaN : sign * Infinity;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1 + fraction / 1024) * 2 ** (exponent - 15));
}

const bits = (values: ArrayBufferView): Uint32Array => new Uint32Array(values.buffer.slice(0));

test("every half-precision number is widened exactly", () => {
  const { dtype, data } = convert({ dtype: "F16", data: Uint16Array.from({ length: 65536 }, (_, i) => i) });
  assert.is(dtype, "float32");
  for (let half = 0; half < 65536; half++)
    assert.ok(Object.is(data[half], halfValue(half)), `0x${half.toString(16)}: ${data[half]} for ${halfValue(half)}`);
});

test("bfloat16 is the upper half of float32", () => {
  const values = Float32Array.of(1, -2, 0.5, Infinity, Number.NaN, -0);
  const halves = Uint16Array.from(new Uint32Array(values.buffer), (bits) => bits >>> 16);
  assert.equal(bits(convert({ dtype: "BF16", data: halves }).data), bits(values));
});

test("float64 is rounded to float32, and refused where that would make an infinity", () => {
  const values = Float64Array.of(0.1, -1e-300, Infinity, Number.NaN, 3.4028234e38);
  const { dtype, data } = convert({ dtype: "F64", data: values });
  assert.is(dtype, "float32");
  assert.equal(bits(data), bits(Float32Array.from(values, Math.fround)));
  expectThrow(
    () => convert({ dtype: "F64", data: Float64Array.of(0, -4e38) }),
    FileError,
    /^w: -4e\+38 at 1 is beyond the range of float32/,
  );
});

test("integers and booleans become int32", () => {
  const of = (tensor: Parameters<typeof convert>[0]) => {
    const { dtype, data } = convert(tensor);
    assert.is(dtype, "int32");
    assert.instance(data, Int32Array);
    return [...data];
  };
  assert.equal(of({ dtype: "I64", data: BigInt64Array.of(0n, -1n, -(2n ** 31n), 2n ** 31n - 1n) }), [
    0,
    -1,
    -(2 ** 31),
    2 ** 31 - 1,
  ]);
  assert.equal(of({ dtype: "I32", data: Int32Array.of(-5) }), [-5]);
  assert.equal(of({ dtype: "I16", data: Int16Array.of(-32768, 1) }), [-32768, 1]);
  assert.equal(of({ dtype: "I8", data: Int8Array.of(-128, 127) }), [-128, 127]);
  assert.equal(of({ dtype: "U8", data: Uint8Array.of(255) }), [255]);
  assert.equal(of({ dtype: "U16", data: Uint16Array.of(65535) }), [65535]);
  assert.equal(of({ dtype: "U32", data: Uint32Array.of(2 ** 31 - 1) }), [2 ** 31 - 1]);
  assert.equal(of({ dtype: "BOOL", data: Uint8Array.of(0, 1, 2) }), [0, 1, 1]);
});

test("integers beyond int32 are refused with their value and place", () => {
  for (const value of [2n ** 31n, -(2n ** 31n) - 1n, 2n ** 62n, -(2n ** 63n)])
    assert.throws(
      () => convert({ dtype: "I64", data: BigInt64Array.of(1n, value) }),
      (error: Error) => error instanceof FileError && error.message.startsWith(`w: ${value} at 1 is beyond`),
    );
  assert.throws(
    () => convert({ dtype: "U32", data: Uint32Array.of(2 ** 31) }),
    (error: Error) => /2147483648 at 0 is beyond/.test(error.message),
  );
});

test.run();
