import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../../lib/errors.js";
import { PyGlobal, PyObject } from "../../../lib/files/torch/pickleValues.js";
import { below, STATE_DICT_KEYS, type StateDictOptions, stateDict } from "../../../lib/files/torch/stateDict.js";
import { openTorchFile } from "../../../lib/files/torch/torchCheckpoint.js";
import { TorchStorage, TorchTensor } from "../../../lib/files/torch/torchTensor.js";
import { expectThrow } from "../../support.js";
import { torchFixture } from "./torchSupport.js";

const test = suite("state dict");

const tensor = new TorchTensor(new TorchStorage("x", "F32", 1, async () => undefined), {
  offset: 0,
  shape: [],
  strides: [],
});

const names = (root: unknown, options?: StateDictOptions): string[] => [
  ...stateDict({ path: "x.pt", format: "zip", root, close: async () => undefined }, options).keys(),
];

const weights = new Map<unknown, unknown>([
  ["encoder.norm.weight", tensor],
  ["encoder.norm.bias", tensor],
  ["encoders.x", tensor],
  ["decoder.w", tensor],
  ["version", 3],
  [7, tensor],
]);
const all = ["encoder.norm.weight", "encoder.norm.bias", "encoders.x", "decoder.w"];

test("the saved object itself, or what lies under a usual key, is the state dict", () => {
  assert.equal(names(weights), all);
  for (const key of STATE_DICT_KEYS)
    assert.equal(
      names(
        new Map<unknown, unknown>([
          ["step", tensor],
          [key, weights],
        ]),
      ),
      all,
      key,
    );
});

test("a subclass of dict counts as one", () => {
  const subclass = new PyObject(new PyGlobal("easydict", "EasyDict"), []);
  for (const [key, value] of weights) subclass.items.set(key, value);
  assert.equal(names(new Map([["model", subclass]])), all);
});

test("a place can be given key by key, when there are several or it is an unusual one", () => {
  const root = new Map<unknown, unknown>([
    ["model", new Map([["a", tensor]])],
    ["ema", new Map([["shadow", weights]])],
  ]);
  assert.equal(names(root), ["a"]);
  assert.equal(names(root, { at: ["ema", "shadow"] }), all);
  assert.equal(names(weights, { at: [] }), all);
  const absent = () => names(root, { at: ["ema", "absent"] });
  expectThrow(absent, FileError, /x\.pt: no state dict under ema > absent; the file holds model, ema/);
});

test("a prefix keeps what is below it, by whole words, and is taken off", () => {
  assert.equal(names(weights, { prefix: "encoder" }), ["norm.weight", "norm.bias"]);
  assert.equal(names(weights, { prefix: "encoder.norm." }), ["weight", "bias"]);
  const { message } = expectThrow(() => names(weights, { prefix: "quantizer" }), FileError);
  assert.is(message, 'x.pt: no tensor below "quantizer"; names begin with encoder, encoders, decoder');
});

test("a file without a state dict says what it holds", () => {
  const refuse = (root: unknown, pattern: RegExp) => expectThrow(() => names(root), FileError, pattern);
  refuse(new Map([["epoch", 1]]), /no state dict at its root or under state_dict, .*; the file holds epoch/);
  refuse(new Map(), /holds an empty dict/);
  refuse([tensor], /holds no dict/);
  refuse(new PyObject(new PyGlobal("nets", "Net"), []), /holds a nets\.Net; save its state_dict\(\) instead/);
});

test("parameters of the oldest PyTorch are found, a whole module is refused", async () => {
  const old = await openTorchFile(torchFixture("old_parameter.pth"));
  assert.equal((await stateDict(old).get("w")?.read())?.data, Float32Array.of(1, 2));
  await old.close();
  const module = await openTorchFile(torchFixture("module.pt"));
  assert.throws(
    () => stateDict(module),
    (error: Error) => /torch\.nn\.modules\.linear\.Linear; save its state_dict/.test(error.message),
  );
  await module.close();
});

test("names like those of JavaScript's own properties are names", () => {
  const entries = new Map([["__proto__.w", 1]]);
  assert.equal(below("x", entries, "__proto__"), new Map([["w", 1]]));
});

test.run();
