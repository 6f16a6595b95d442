import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import { decodeHeader, encodeHeader, type PlacedTensor, tensorBytes } from "../../lib/files/safetensorsHeader.js";

const test = suite("safetensorsHeader");

const decode = (header: unknown, dataBytes: number) =>
  decodeHeader("x.st", Buffer.from(typeof header === "string" ? header : JSON.stringify(header)), dataBytes);
const f32 = (begin: number, end: number, shape = [(end - begin) / 4]) => ({
  dtype: "F32",
  shape,
  data_offsets: [begin, end],
});

function expectDamage(header: unknown, dataBytes: number, pattern: RegExp): void {
  assert.throws(
    () => decode(header, dataBytes),
    (error: unknown) => error instanceof FileError && error.message.startsWith("x.st: ") && pattern.test(error.message),
    `${JSON.stringify(header)} should match ${pattern}`,
  );
}

test("a header as the format describes it, worked by hand", () => {
  const tensors = new Map<string, PlacedTensor>([["w", { dtype: "F32", shape: [2], begin: 0, end: 8 }]]);
  const bytes = Buffer.from(encodeHeader({ metadata: { b: "2", a: "1" }, tensors }));
  const json = '{"__metadata__":{"a":"1","b":"2"},"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}';
  assert.is(bytes.readBigUInt64LE(), BigInt(bytes.length - 8));
  assert.is(bytes.length % 8, 0);
  assert.is(bytes.toString("utf8", 8).trimEnd(), json);
});

test("names that JavaScript objects treat apart keep their place and come back", () => {
  const tensors = new Map<string, PlacedTensor>([
    ["b", { dtype: "U8", shape: [1], begin: 0, end: 1 }],
    ["10", { dtype: "U8", shape: [1], begin: 1, end: 2 }],
    ["__proto__", { dtype: "U8", shape: [], begin: 2, end: 3 }],
    ['ü"\n', { dtype: "BOOL", shape: [0, 7], begin: 3, end: 3 }],
  ]);
  const bytes = encodeHeader({ metadata: {}, tensors });
  const back = decodeHeader("x.st", bytes.subarray(8), 3);
  assert.equal(new Set(back.tensors.keys()), new Set(tensors.keys()));
  for (const [name, tensor] of tensors) assert.equal(back.tensors.get(name), tensor);
  const text = Buffer.from(bytes).toString();
  assert.ok(text.indexOf('"b"') < text.indexOf('"10"'), "order of the data");
});

test("room asked for is filled with spaces", () => {
  const bytes = encodeHeader({ metadata: {}, tensors: new Map() }, 64);
  assert.is(Buffer.from(bytes).toString("utf8", 8), `{}${" ".repeat(54)}`);
});

test("sizes in bytes: scalars hold one element, a zero makes it empty", () => {
  assert.is(tensorBytes({ dtype: "F64", shape: [] }), 8);
  assert.is(tensorBytes({ dtype: "BF16", shape: [3, 5] }), 30);
  assert.is(tensorBytes({ dtype: "I64", shape: [3, 0] }), 0);
});

test("what is no header at all is refused", () => {
  expectDamage("hello", 0, /not a safetensors file.*not JSON/);
  expectDamage("[1]", 0, /not a JSON object/);
  expectDamage('"text"', 0, /not a JSON object/);
  const notUtf8 = Buffer.from('{"__metadata__":{"a":"\xff"}}', "latin1");
  assert.throws(() => decodeHeader("x.st", notUtf8, 0), /not JSON/);
});

test("a header with a wrong field is refused, naming tensor and rule", () => {
  expectDamage({ __metadata__: { a: 1 } }, 0, /__metadata__ must map strings/);
  expectDamage({ __metadata__: "a" }, 0, /__metadata__ must map strings/);
  expectDamage({ w: 5 }, 0, /"w" must be an object/);
  expectDamage({ w: { ...f32(0, 8), dtype: "F8_E4M3" } }, 8, /"w" must have a dtype among F64, F32/);
  expectDamage({ w: { ...f32(0, 8), dtype: "toString" } }, 8, /"w" must have a dtype/);
  expectDamage({ w: f32(0, 8, [-2]) }, 8, /"w" must have a shape/);
  expectDamage({ w: f32(0, 8, [1.5]) }, 8, /"w" must have a shape/);
  expectDamage({ w: { dtype: "F32", shape: [2] } }, 8, /"w" must have two data_offsets/);
  expectDamage({ w: { ...f32(0, 8), data_offsets: [0, 4, 8] } }, 8, /"w" must have two data_offsets/);
  expectDamage({ w: { ...f32(0, 8), data_offsets: [-8, 0] } }, 8, /"w" must have two data_offsets/);
  expectDamage({ w: f32(0, 8, [3]) }, 8, /"w" must span 12 bytes/);
  expectDamage({ w: f32(8, 0, [2]) }, 8, /"w" must span 8 bytes/);
});

test("overlaps, holes, missing and extra bytes are refused", () => {
  expectDamage({ a: f32(0, 8), b: f32(4, 12) }, 12, /"b" starts at byte 4.*inside the tensor before it; want 8/);
  expectDamage({ a: f32(0, 8), b: f32(12, 16) }, 16, /"b" starts at byte 12.*after a hole; want 8/);
  expectDamage({ a: f32(4, 8) }, 8, /"a" starts at byte 4/);
  expectDamage({ a: f32(0, 8) }, 7, /truncated: its header describes 8 bytes of data, the file holds 7/);
  expectDamage({ a: f32(0, 8) }, 9, /1 bytes follow the last tensor/);
  assert.is(decode({ b: f32(8, 12), a: f32(0, 8), none: f32(8, 8) }, 12).tensors.size, 3, "any order of names is fine");
});

test.run();
