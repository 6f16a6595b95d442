import type { HostTensor } from "../engine/types.js";
import { FileError } from "../errors.js";
import type { FileTensor } from "./safetensors.js";

/**
 * A tensor of any stored type as the engine takes it: floating types as float32 (float64 rounded, halves exactly),
 * integers and booleans as int32.
 * @param what file and tensor, in errors
 * @throws FileError when a float64 is beyond float32's range, or an integer beyond int32's
 */
export function toHostTensor(what: string, { dtype, shape, data }: FileTensor): HostTensor {
  switch (dtype) {
    case "F32":
      return { dtype: "float32", shape, data };
    case "F64":
      return { dtype: "float32", shape, data: narrowFloat64(what, data) };
    case "F16":
      return { dtype: "float32", shape, data: widenFloat16(data) };
    case "BF16":
      return { dtype: "float32", shape, data: widenBfloat16(data) };
    case "I32":
      return { dtype: "int32", shape, data };
    case "I64":
      return { dtype: "int32", shape, data: narrowInt64(what, data) };
    case "U32":
      return { dtype: "int32", shape, data: narrowUint32(what, data) };
    case "BOOL":
      return { dtype: "int32", shape, data: Int32Array.from(data, (value) => (value === 0 ? 0 : 1)) };
    default:
      return { dtype: "int32", shape, data: new Int32Array(data) };
  }
}

function narrowFloat64(what: string, values: Float64Array): Float32Array {
  const narrow = new Float32Array(values);
  const wrong = narrow.findIndex((value, i) => Math.abs(value) === Infinity && Number.isFinite(values[i]));
  if (wrong >= 0) throw new FileError(`${what}: ${values[wrong]} at ${wrong} is beyond the range of float32`);
  return narrow;
}

/**
 * IEEE half precision: the bits moved to float32's places are the value times 2^-112, subnormals included; infinities and
 * NaN get float32's exponent.
 */
function widenFloat16(halves: Uint16Array): Float32Array {
  const bits = Uint32Array.from(halves, (half) => ((half & 0x8000) << 16) | ((half & 0x7fff) << 13));
  const values = new Float32Array(bits.buffer);
  for (let i = 0; i < halves.length; i++)
    if ((halves[i]! & 0x7c00) === 0x7c00) bits[i]! |= 0x7f800000;
    else values[i]! *= 2 ** 112;
  return values;
}

/** bfloat16 is the upper half of float32. */
function widenBfloat16(halves: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(halves, (half) => half << 16).buffer);
}

/** Each int64 as two int32, low half first: it fits when the high half is the low one's sign. */
function narrowInt64(what: string, values: BigInt64Array): Int32Array {
  const halves = new Int32Array(values.buffer, values.byteOffset, 2 * values.length);
  const narrow = new Int32Array(values.length);
  for (let i = 0; i < narrow.length; i++) {
    const low = halves[2 * i]!;
    if (halves[2 * i + 1] !== low >> 31) throw beyondInt32(what, values[i]!, i);
    narrow[i] = low;
  }
  return narrow;
}

function narrowUint32(what: string, values: Uint32Array): Int32Array {
  const wrong = values.findIndex((value) => value > 0x7fffffff);
  if (wrong >= 0) throw beyondInt32(what, values[wrong]!, wrong);
  return new Int32Array(values);
}

function beyondInt32(what: string, value: number | bigint, at: number): FileError {
  return new FileError(`${what}: ${value} at ${at} is beyond the range of int32`);
}
