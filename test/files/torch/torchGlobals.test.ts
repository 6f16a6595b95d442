import { suite } from "uvu";
import * as assert from "uvu/assert";
import { PickleFault, PyGlobal, PyObject } from "../../../lib/files/torch/pickleValues.js";
import { TORCH_GLOBALS, tensorOf } from "../../../lib/files/torch/torchGlobals.js";
import { TorchStorage, TorchTensor } from "../../../lib/files/torch/torchTensor.js";
import { expectThrow } from "../../support.js";

const test = suite("torch globals");

const make = (name: string, ...args: unknown[]): unknown => TORCH_GLOBALS.get(name)?.(args);

const storage = new TorchStorage("x", "F32", 6, async () => undefined);

test("nothing on the list runs or reads anything", () => {
  const modules = [...TORCH_GLOBALS.keys()].map((name) => name.slice(0, name.lastIndexOf(".")));
  assert.equal([...new Set(modules)].sort(), [
    "__builtin__",
    "_codecs",
    "builtins",
    "collections",
    "numpy._core.multiarray",
    "numpy.core.multiarray",
    "torch",
    "torch._utils",
    "torch.nn.parameter",
  ]);
  for (const name of ["builtins.getattr", "builtins.eval", "builtins.__import__", "posix.system"])
    assert.not(TORCH_GLOBALS.has(name), name);
});

test("tensors and parameters of every age are the same tensor", () => {
  const tensor = make("torch._utils._rebuild_tensor", storage, 1, [2], [3]);
  assert.instance(tensor, TorchTensor);
  assert.equal(make("torch._utils._rebuild_tensor_v2", storage, 1, [2], [3], true, new Map()), tensor);
  assert.is(make("torch._utils._rebuild_parameter", tensor, true, new Map()), tensor);
  assert.is(make("torch._utils._rebuild_parameter_with_state", tensor, true, new Map(), new Map()), tensor);
  assert.is(make("torch.nn.parameter.Parameter", tensor, true), tensor);
  assert.is(make("torch.nn.parameter.Parameter"), undefined);
  const oldest = new PyObject(new PyGlobal("torch.nn.parameter", "Parameter"), []);
  oldest.state = [tensor, null, true, false, new Map()];
  assert.is(tensorOf(oldest), tensor);
  assert.is(tensorOf(tensor), tensor);
  const other = new PyObject(new PyGlobal("my", "Parameter"), []);
  other.state = oldest.state;
  assert.is(tensorOf(other), undefined);
});

test("arguments that make no sense are faults, values of unknown kinds stay objects", () => {
  expectThrow(() => make("torch._utils._rebuild_tensor_v2", storage, 1, [2]), PickleFault);
  expectThrow(() => make("collections.OrderedDict", 5), PickleFault);
  expectThrow(() => make("collections.OrderedDict", [[1, 2, 3]]), PickleFault);
  expectThrow(() => make("builtins.set", 5), PickleFault);
  assert.is(make("torch._utils._rebuild_tensor_v2", "storage", 1, [2], [3]), undefined);
  assert.is(make("_codecs.encode", "text", "rot13"), undefined);
  assert.is(make("builtins.bytes", 5), undefined);
});

test("collections, devices and bytes are plain values", () => {
  assert.equal(make("collections.OrderedDict"), new Map());
  assert.equal(make("collections.OrderedDict", [["a", 1]]), new Map([["a", 1]]));
  assert.equal(make("builtins.frozenset", [1, 1, 2]), new Set([1, 2]));
  assert.equal(make("__builtin__.bytearray", "\xff", "latin-1"), Uint8Array.of(255));
  assert.equal(make("builtins.bytearray"), new Uint8Array());
  assert.equal(make("_codecs.encode", "\x00é", "latin1"), Uint8Array.of(0, 233));
  assert.is(make("torch.device", "cpu"), "cpu");
  assert.is(make("torch.device", "cuda", 1), "cuda:1");
  assert.equal(make("torch.Size", [2, 3]), [2, 3]);
});

test("numpy's scalars of little-endian types are numbers, others stay objects", () => {
  const scalar = (code: string, bytes: ArrayBufferView, order = "<") => {
    const dtype = new PyObject(new PyGlobal("numpy", "dtype"), [code, false, true]);
    dtype.state = [3, order, null, null, null, -1, -1, 0];
    return make("numpy.core.multiarray.scalar", dtype, new Uint8Array(bytes.buffer));
  };
  assert.is(scalar("f8", Float64Array.of(0.1)), 0.1);
  assert.is(scalar("f4", Float32Array.of(0.1)), Math.fround(0.1));
  assert.is(scalar("i8", BigInt64Array.of(-7n)), -7);
  assert.is(scalar("i8", BigInt64Array.of(-(2n ** 63n))), -(2n ** 63n));
  assert.is(scalar("u8", BigUint64Array.of(2n ** 64n - 1n)), 2n ** 64n - 1n);
  assert.is(scalar("i4", Int32Array.of(-1)), -1);
  assert.is(scalar("u4", Int32Array.of(-1)), 2 ** 32 - 1);
  assert.is(scalar("i2", Int16Array.of(-2)), -2);
  assert.is(scalar("u2", Int16Array.of(-2)), 65534);
  assert.is(scalar("i1", Int8Array.of(-3), "|"), -3);
  assert.is(scalar("u1", Int8Array.of(-3), "|"), 253);
  assert.is(scalar("b1", Uint8Array.of(1), "|"), true);
  assert.is(scalar("f8", Float64Array.of(0.1), ">"), undefined);
  assert.is(scalar("f8", Float32Array.of(0.1)), undefined);
  assert.is(scalar("c16", Float64Array.of(1, 2)), undefined);
  assert.is(make("numpy.core.multiarray.scalar", "f8", new Uint8Array(8)), undefined);
});

test.run();
