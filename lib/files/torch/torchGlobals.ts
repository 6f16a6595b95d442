/** The classes and functions that PyTorch's files may name to some effect, each as what its arguments mean. */

import type { TensorType } from "../safetensorsHeader.js";
import type { Maker } from "./pickleMachine.js";
import { PickleFault, PyGlobal, PyObject } from "./pickleValues.js";
import { TorchStorage, TorchTensor } from "./torchTensor.js";

/** Element types of storages by the name of their class. */
export const STORAGE_TYPES: ReadonlyMap<string, TensorType> = new Map<string, TensorType>([
  ["torch.DoubleStorage", "F64"],
  ["torch.FloatStorage", "F32"],
  ["torch.HalfStorage", "F16"],
  ["torch.BFloat16Storage", "BF16"],
  ["torch.LongStorage", "I64"],
  ["torch.IntStorage", "I32"],
  ["torch.ShortStorage", "I16"],
  ["torch.CharStorage", "I8"],
  ["torch.ByteStorage", "U8"],
  ["torch.BoolStorage", "BOOL"],
]);

const PARAMETER = "torch.nn.parameter.Parameter";

/**
 * The allow-list. Whatever is missing here stays a `PyObject`, element types such as `torch.float32` a `PyGlobal`, and a
 * tensor on a storage of another type (complex, quantized) a `PyObject` too.
 */
export const TORCH_GLOBALS: ReadonlyMap<string, Maker> = new Map<string, Maker>([
  ["torch._utils._rebuild_tensor", tensor],
  ["torch._utils._rebuild_tensor_v2", tensor], // also gives requires_grad, backward_hooks, metadata
  ["torch._utils._rebuild_parameter", ([data]) => data],
  ["torch._utils._rebuild_parameter_with_state", ([data]) => data],
  [PARAMETER, ([data]) => data],
  ["torch.Size", ([sizes]) => sizes],
  ["torch.device", device],
  ["collections.OrderedDict", orderedDict],
  ...inBuiltins("set", ([values]) => new Set(arrayOf(values))),
  ...inBuiltins("frozenset", ([values]) => new Set(arrayOf(values))),
  ...inBuiltins("bytes", ([values]) => (values === undefined ? new Uint8Array() : undefined)),
  ...inBuiltins("bytearray", ([text, encoding]) => latin1Bytes(text ?? "", encoding ?? "latin-1")),
  ["_codecs.encode", ([text, encoding]) => latin1Bytes(text, encoding)],
  ["numpy.core.multiarray.scalar", numpyScalar],
  ["numpy._core.multiarray.scalar", numpyScalar],
]);

/** The module is called `__builtin__` in pickles that Python 2 can read, which those of protocol 2 are. */
function inBuiltins(name: string, maker: Maker): [string, Maker][] {
  return [
    [`builtins.${name}`, maker],
    [`__builtin__.${name}`, maker],
  ];
}

/**
 * The tensor that a value from a checkpoint is, if it is one. Before PyTorch 0.4 a parameter was made without arguments
 * and given its tensor as the first item of a state; torchvision's oldest files have those.
 */
export function tensorOf(value: unknown): TorchTensor | undefined {
  if (value instanceof TorchTensor) return value;
  if (!(value instanceof PyObject) || !(value.callee instanceof PyGlobal) || !Array.isArray(value.state))
    return undefined;
  const [data] = value.state as unknown[];
  return String(value.callee) === PARAMETER && data instanceof TorchTensor ? data : undefined;
}

function tensor([storage, offset, shape, strides]: readonly unknown[]): TorchTensor | undefined {
  if (!(storage instanceof TorchStorage)) return undefined;
  return new TorchTensor(storage, {
    offset: offset as number, // checked by the constructor, as are the others
    shape: shape as number[],
    strides: strides as number[],
  });
}

function device([type, index]: readonly unknown[]): unknown {
  return typeof type === "string" && typeof index === "number" ? `${type}:${index}` : type;
}

function orderedDict([items]: readonly unknown[]): Map<unknown, unknown> {
  const pairs = arrayOf(items).map((pair) => {
    if (!Array.isArray(pair) || pair.length !== 2) throw new PickleFault("an OrderedDict of something else than pairs");
    return pair as [unknown, unknown];
  });
  return new Map(pairs);
}

function arrayOf(values: unknown): readonly unknown[] {
  if (values === undefined) return [];
  if (!Array.isArray(values)) throw new PickleFault("a collection made of something that is no list");
  return values;
}

/** Bytes as protocol 2 spells them: text whose code points they are. */
function latin1Bytes(text: unknown, encoding: unknown): Uint8Array | undefined {
  if (typeof text !== "string" || (encoding !== "latin1" && encoding !== "latin-1")) return undefined;
  return Uint8Array.from(Buffer.from(text, "latin1"));
}

/** `scalar(dtype, bytes)`, where dtype is `numpy.dtype(code)` with the byte order as the second item of its state. */
function numpyScalar([dtype, bytes]: readonly unknown[]): unknown {
  if (!(dtype instanceof PyObject) || !(bytes instanceof Uint8Array)) return undefined;
  const named = dtype.callee instanceof PyGlobal && String(dtype.callee) === "numpy.dtype";
  const bigEndian = Array.isArray(dtype.state) && dtype.state[1] === ">";
  const kind = named && !bigEndian ? NUMPY_TYPES.get(dtype.args[0]) : undefined;
  if (kind === undefined || kind.bytes !== bytes.length) return undefined;
  return kind.read(new DataView(bytes.buffer, bytes.byteOffset, bytes.length));
}

type NumpyType = { bytes: number; read: (view: DataView) => number | bigint | boolean };

const NUMPY_TYPES: ReadonlyMap<unknown, NumpyType> = new Map<unknown, NumpyType>([
  ["b1", { bytes: 1, read: (view) => view.getUint8(0) !== 0 }],
  ["i1", { bytes: 1, read: (view) => view.getInt8(0) }],
  ["i2", { bytes: 2, read: (view) => view.getInt16(0, true) }],
  ["i4", { bytes: 4, read: (view) => view.getInt32(0, true) }],
  ["i8", { bytes: 8, read: (view) => smallest(view.getBigInt64(0, true)) }],
  ["u1", { bytes: 1, read: (view) => view.getUint8(0) }],
  ["u2", { bytes: 2, read: (view) => view.getUint16(0, true) }],
  ["u4", { bytes: 4, read: (view) => view.getUint32(0, true) }],
  ["u8", { bytes: 8, read: (view) => smallest(view.getBigUint64(0, true)) }],
  ["f4", { bytes: 4, read: (view) => view.getFloat32(0, true) }],
  ["f8", { bytes: 8, read: (view) => view.getFloat64(0, true) }],
]);

function smallest(integer: bigint): number | bigint {
  const value = Number(integer);
  return Number.isSafeInteger(value) ? value : integer;
}
