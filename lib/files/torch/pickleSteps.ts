/** The opcodes of pickles but STOP, by code: what each does to the machine. Names and meanings: cpython/Lib/pickletools.py. */
import type { PickleMachine } from "./pickleMachine.js";
import { integerOf, pythonFloat, pythonInteger, rawUnicode, unquoted } from "./pickleText.js";
import { PickleFault, PyGlobal, PyObject } from "./pickleValues.js";

export type Step = (machine: PickleMachine) => void;

type StepTable = Readonly<Record<string, readonly [code: number, step: Step]>>;

const constants: StepTable = {
  NONE: [0x4e, (m) => m.push(null)],
  NEWTRUE: [0x88, (m) => m.push(true)],
  NEWFALSE: [0x89, (m) => m.push(false)],
  PROTO: [0x80, (m) => expectProtocol(m.bytes.byte())],
  FRAME: [0x95, (m) => m.bytes.take(8)],
};

const numbers: StepTable = {
  INT: [0x49, (m) => m.push(pythonInteger(line(m)))],
  LONG: [0x4c, (m) => m.push(pythonInteger(line(m).replace(/L$/, "")))],
  FLOAT: [0x46, (m) => m.push(pythonFloat(line(m)))],
  BININT: [0x4a, (m) => m.push(m.bytes.take(4).readInt32LE())],
  BININT1: [0x4b, (m) => m.push(m.bytes.byte())],
  BININT2: [0x4d, (m) => m.push(uint16(m))],
  LONG1: [0x8a, (m) => m.push(integerOf(m.bytes.take(m.bytes.byte())))],
  LONG4: [0x8b, (m) => m.push(integerOf(m.bytes.take(int32Length(m))))],
  BINFLOAT: [0x47, (m) => m.push(m.bytes.take(8).readDoubleBE())],
};

const strings: StepTable = {
  STRING: [0x53, (m) => m.push(unquoted(latinLine(m)))],
  UNICODE: [0x56, (m) => m.push(rawUnicode(latinLine(m)))],
  SHORT_BINSTRING: [0x55, (m) => m.push(m.bytes.take(m.bytes.byte()).toString("latin1"))],
  BINSTRING: [0x54, (m) => m.push(m.bytes.take(int32Length(m)).toString("latin1"))],
  SHORT_BINUNICODE: [0x8c, (m) => m.push(m.bytes.take(m.bytes.byte()).toString("utf8"))],
  BINUNICODE: [0x58, (m) => m.push(m.bytes.take(uint32(m)).toString("utf8"))],
  BINUNICODE8: [0x8d, (m) => m.push(m.bytes.take(uint64(m)).toString("utf8"))],
  SHORT_BINBYTES: [0x43, (m) => m.push(Uint8Array.from(m.bytes.take(m.bytes.byte())))],
  BINBYTES: [0x42, (m) => m.push(Uint8Array.from(m.bytes.take(uint32(m))))],
  BINBYTES8: [0x8e, (m) => m.push(Uint8Array.from(m.bytes.take(uint64(m))))],
  BYTEARRAY8: [0x96, (m) => m.push(Uint8Array.from(m.bytes.take(uint64(m))))],
};

const containers: StepTable = {
  EMPTY_TUPLE: [0x29, (m) => m.push([])],
  TUPLE: [0x74, (m) => m.push(m.popToMark())],
  TUPLE1: [0x85, (m) => m.push(m.popMany(1))],
  TUPLE2: [0x86, (m) => m.push(m.popMany(2))],
  TUPLE3: [0x87, (m) => m.push(m.popMany(3))],
  EMPTY_LIST: [0x5d, (m) => m.push([])],
  LIST: [0x6c, (m) => m.push(m.popToMark())],
  APPEND: [0x61, (m) => append(m, m.popMany(1))],
  APPENDS: [0x65, (m) => append(m, m.popToMark())],
  EMPTY_DICT: [0x7d, (m) => m.push(new Map())],
  DICT: [0x64, (m) => m.push(setItems(new Map(), m.popToMark()))],
  SETITEM: [0x73, (m) => setItemsOfTop(m, m.popMany(2))],
  SETITEMS: [0x75, (m) => setItemsOfTop(m, m.popToMark())],
  EMPTY_SET: [0x8f, (m) => m.push(new Set())],
  ADDITEMS: [0x90, (m) => addItems(m, m.popToMark())],
  FROZENSET: [0x91, (m) => m.push(new Set(m.popToMark()))],
};

const stackAndMemo: StepTable = {
  MARK: [0x28, (m) => m.mark()],
  POP: [0x30, (m) => m.drop()],
  POP_MARK: [0x31, (m) => m.popToMark()],
  DUP: [0x32, (m) => m.push(m.top())],
  PUT: [0x70, (m) => m.memoize(memoIndex(line(m)))],
  BINPUT: [0x71, (m) => m.memoize(m.bytes.byte())],
  LONG_BINPUT: [0x72, (m) => m.memoize(uint32(m))],
  MEMOIZE: [0x94, (m) => m.memoize()],
  GET: [0x67, (m) => m.recall(memoIndex(line(m)))],
  BINGET: [0x68, (m) => m.recall(m.bytes.byte())],
  LONG_BINGET: [0x6a, (m) => m.recall(uint32(m))],
};

const objects: StepTable = {
  GLOBAL: [0x63, (m) => m.push(new PyGlobal(line(m), line(m)))],
  STACK_GLOBAL: [0x93, (m) => m.push(globalOf(m.popMany(2)))],
  REDUCE: [0x52, (m) => callTop(m, m.pop())],
  NEWOBJ: [0x81, (m) => callTop(m, m.pop())],
  NEWOBJ_EX: [0x92, (m) => callTop(m, withKeywords(m.popMany(2)))],
  INST: [0x69, (m) => m.push(m.call(new PyGlobal(line(m), line(m)), m.popToMark()))],
  OBJ: [0x6f, (m) => callFirst(m, m.popToMark())],
  BUILD: [0x62, (m) => setState(m, m.pop())],
  BINPERSID: [0x51, (m) => m.push(m.persistent(m.pop()))],
};

/** Every opcode but STOP, by its byte. */
export const STEPS: ReadonlyMap<number, Step> = new Map(
  [constants, numbers, strings, containers, stackAndMemo, objects].flatMap((table) => Object.values(table)),
);

const NEWEST_PROTOCOL = 5;

function expectProtocol(protocol: number): void {
  if (protocol > NEWEST_PROTOCOL)
    throw new PickleFault(`protocol ${protocol} is unknown; want one up to ${NEWEST_PROTOCOL}`);
}

function line(m: PickleMachine): string {
  return m.bytes.line().toString("utf8");
}

function latinLine(m: PickleMachine): string {
  return m.bytes.line().toString("latin1");
}

function uint16(m: PickleMachine): number {
  return m.bytes.take(2).readUInt16LE();
}

function uint32(m: PickleMachine): number {
  return m.bytes.take(4).readUInt32LE();
}

function uint64(m: PickleMachine): number {
  return Number(m.bytes.take(8).readBigUInt64LE()); // beyond 2^53 inexact, and far beyond the file's end
}

function int32Length(m: PickleMachine): number {
  const length = m.bytes.take(4).readInt32LE();
  if (length < 0) throw new PickleFault(`a length of ${length} makes no sense`);
  return length;
}

function memoIndex(text: string): number {
  const index = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(index))
    throw new PickleFault(`no memo index: "${text.slice(0, 40)}"`);
  return index;
}

function append(m: PickleMachine, values: readonly unknown[]): void {
  const target = m.top();
  const list = target instanceof PyObject ? target.elements : target;
  if (!Array.isArray(list)) throw new PickleFault("elements are appended to something that is no list");
  for (const value of values) list.push(value);
}

function addItems(m: PickleMachine, values: readonly unknown[]): void {
  const target = m.top();
  if (target instanceof PyObject) append(m, values);
  else if (target instanceof Set) for (const value of values) target.add(value);
  else throw new PickleFault("elements are added to something that is no set");
}

function setItemsOfTop(m: PickleMachine, items: readonly unknown[]): void {
  const target = m.top();
  const dict = target instanceof PyObject ? target.items : target;
  if (!(dict instanceof Map)) throw new PickleFault("items are set in something that is no dict");
  setItems(dict, items);
}

function setItems(dict: Map<unknown, unknown>, items: readonly unknown[]): Map<unknown, unknown> {
  if (items.length % 2 !== 0) throw new PickleFault("a key without a value");
  for (let i = 0; i < items.length; i += 2) dict.set(items[i], items[i + 1]);
  return dict;
}

/** Attributes of dicts and tensors (`_metadata`, hooks) say nothing of their values and are passed over. */
function setState(m: PickleMachine, state: unknown): void {
  const target = m.top();
  if (target instanceof PyObject) target.state = state;
}

function globalOf([module, name]: readonly unknown[]): PyGlobal {
  if (typeof module !== "string" || typeof name !== "string") throw new PickleFault("a class without a name");
  return new PyGlobal(module, name);
}

function callTop(m: PickleMachine, args: unknown): void {
  const callee = m.pop();
  m.push(m.call(callee, args));
}

function callFirst(m: PickleMachine, values: readonly unknown[]): void {
  if (values.length === 0) throw new PickleFault("an object without a class");
  m.push(m.call(values[0], values.slice(1)));
}

/** Keyword arguments as one last argument; no class on the allow-list takes any. */
function withKeywords([args, keywords]: readonly unknown[]): unknown {
  return Array.isArray(args) ? [...args, keywords] : args;
}
