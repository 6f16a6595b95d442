import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../../lib/errors.js";
import { ByteCursor } from "../../../lib/files/byteCursor.js";
import { unpickle } from "../../../lib/files/torch/pickle.js";
import { PyGlobal, PyObject } from "../../../lib/files/torch/pickleValues.js";
import { TORCH_GLOBALS } from "../../../lib/files/torch/torchGlobals.js";
import { rngFrom, streamSeed } from "../../../lib/random.js";
import { fixture } from "../../support.js";
import { type Described, expectDescribed, onlyFileErrors, readJson } from "./torchSupport.js";

const test = suite("pickle");

type Golden = { protocols: string[]; value: Described };

const golden = (): Promise<Golden> => readJson<Golden>(fixture("golden", "pickles.json"));

function load(bytes: Buffer, allowed = TORCH_GLOBALS): unknown {
  return unpickle(ByteCursor.overBytes("test.pkl", bytes), { allowed, persistent: (id) => ({ persistent: id }) });
}

const text = (pickle: string): Buffer => Buffer.from(pickle, "latin1");

function expectFault(pickle: string | Buffer, ...patterns: RegExp[]): void {
  try {
    load(typeof pickle === "string" ? text(pickle) : pickle);
  } catch (error) {
    assert.instance(error, FileError);
    for (const pattern of [/^test\.pkl: /, ...patterns]) assert.match((error as Error).message, pattern);
    return;
  }
  assert.unreachable(`want a FileError for ${pickle.toString("latin1")}`);
}

test("plain values come back from every protocol of Python's own pickler", async () => {
  const { protocols, value } = await golden();
  assert.is(protocols.length, 6);
  for (const [protocol, pickle] of protocols.entries())
    await expectDescribed(load(Buffer.from(pickle, "base64")), value, `protocol ${protocol}`);
});

test("a key __proto__ is a key like any other", async () => {
  const { protocols } = await golden();
  const root = load(Buffer.from(protocols[2]!, "base64")) as Map<string, Map<unknown, unknown>>;
  assert.ok(root.get("nested")?.get("__proto__") instanceof Map);
  assert.is(({} as Record<string, unknown>)["polluted"], undefined);
});

test("opcodes that Python's pickler no longer writes mean what pickletools says", () => {
  assert.equal(load(text("(I1\nI01\nI00\nL12L\nF1.5\nt.")), [1, true, false, 12, 1.5]);
  assert.equal(load(text("(lp0\nS'a\\x41\\n\\''\na(dp1\nVk\\u00e9\nI1\nsag1\na.")), [
    "aA\n'",
    new Map([["ké", 1]]),
    new Map([["ké", 1]]),
  ]);
  assert.equal(load(text("U\x03abcT\x02\x00\x00\x00\xe9d\x86.")), ["abc", "éd"]);
  assert.equal(load(text("(K\x01K\x022t.")), [1, 2, 2], "DUP");
  assert.equal(load(text("K\x07(K\x01K\x021.")), 7, "POP_MARK");
  assert.equal(load(text("K\x07K\x080.")), 7, "POP");
  assert.equal(load(text("K\x07(0.")), 7, "POP takes a mark too");
  assert.is(load(text("\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x80\x00.")), 2n ** 63n);
  assert.is(load(text("\x8b\x02\x00\x00\x00\xff\x7f.")), 32767);
  assert.is(load(text("\x8a\x00.")), 0);
});

test("a class that is not on the list becomes an object that records how it would have been made", () => {
  const made = load(text("cos\nsystem\nU\x02ls\x85R}U\x01aK\x01sb.")) as PyObject;
  assert.instance(made, PyObject);
  assert.is(String(made.callee), "os.system");
  assert.equal(made.args, ["ls"]);
  assert.equal(made.state, new Map([["a", 1]]));
  const old = load(text("(U\x02lsios\nsystem\n.")) as PyObject;
  assert.equal([String(old.callee), old.args], ["os.system", ["ls"]], "INST");
  const older = load(text("(cos\nsystem\nU\x02lso.")) as PyObject;
  assert.equal([String(older.callee), older.args], ["os.system", ["ls"]], "OBJ");
  const keyed = load(text("\x8c\x02os\x8c\x06system\x93U\x02ls\x85}U\x01aK\x01s\x92.")) as PyObject;
  assert.equal(keyed.args, ["ls", new Map([["a", 1]])], "NEWOBJ_EX");
});

test("what such an object gives when it is called, filled or looked up is an object again", () => {
  const nested = load(
    text("cbuiltins\ngetattr\ncbuiltins\n__import__\nU\x02os\x85RU\x06system\x86RU\x02ls\x85R."),
  ) as PyObject;
  assert.equal(nested.args, ["ls"]);
  const attribute = nested.callee as PyObject;
  assert.is(String(attribute.callee), "builtins.getattr");
  assert.is(attribute.args[1], "system");
  const filled = load(text("cx\nDict\n)\x81U\x01aK\x01sK\x02aK\x03a(K\x04e(K\x05\x90.")) as PyObject;
  assert.equal(filled.items, new Map([["a", 1]]));
  assert.equal(filled.elements, [2, 3, 4, 5]);
});

test("allowed names are made by the list alone, whatever JavaScript knows under them", () => {
  const allowed = new Map([["m.twice", ([x]: readonly unknown[]) => 2 * (x as number)]]);
  assert.is(load(text("cm\ntwice\nK\x04\x85R."), allowed), 8);
  for (const name of ["constructor", "__proto__", "toString"])
    assert.instance(load(text(`cm\n${name}\nK\x04\x85R.`), allowed), PyObject);
  assert.equal(load(text("cm\ntwice\n."), allowed), new PyGlobal("m", "twice"));
});

test("persistent ids go to their resolver", () => {
  assert.equal(load(text("K\x05\x85Q.")), { persistent: [5] });
});

test("what makes no sense is refused with its place", () => {
  expectFault("", /truncated/);
  expectFault("K", /truncated/);
  expectFault("]", /truncated/);
  expectFault("\xff.", /unknown opcode 0xff \(at byte 0\)/);
  expectFault("\x80\x06N.", /protocol 6 is unknown/);
  expectFault(".", /nothing on the stack/);
  expectFault("K\x01(.", /nothing on the stack/);
  expectFault("(K\x01\x86.", /nothing on the stack/);
  expectFault("t.", /no mark/);
  expectFault("h\x05.", /nothing was kept under 5/);
  expectFault("g-1\n.", /no memo index/);
  expectFault("q\x00.", /nothing on the stack/);
  expectFault("K\x01K\x02a.", /no list/);
  expectFault("]K\x02K\x03s.", /no dict/);
  expectFault("](K\x02\x90.", /no set/);
  expectFault("}(K\x02u.", /key without a value/);
  expectFault("cos\nsystem\nK\x01R.", /no tuple/);
  expectFault("K\x01K\x02\x93.", /without a name/);
  expectFault("(o.", /without a class/);
  expectFault("cos\nsystem", /truncated/);
  expectFault("Ix\n.", /no integer: "x"/);
  expectFault("Fx\n.", /no float: "x"/);
  expectFault("Sx\n.", /without its quotes/);
  expectFault("V\\UFFFFFFFF\n.", /no character/);
});

test("absurd lengths and counts are refused before memory is taken", () => {
  expectFault("X\xff\xff\xff\xff.", /want 4294967295 bytes/);
  expectFault("\x8d\xff\xff\xff\xff\xff\xff\xff\xff.", /truncated/);
  expectFault("\x8e\x00\x00\x00\x00\x00\x00\x00\x01.", /want 72057594037927940 bytes|truncated/);
  expectFault("T\xff\xff\xff\xff.", /length of -1/);
  expectFault("\x8b\xff\xff\xff\x7f.", /truncated/);
  expectFault(`\x8b\x01\x04\x00\x00${"\x01".repeat(1025)}.`, /integer of 1025 bytes is absurd/);
  expectFault(`L${"9".repeat(2000)}L\n.`, /no integer/);
  expectFault(Buffer.concat([text("]"), Buffer.alloc(2 ** 24 + 8, "2")]), /over 16777216 opcodes/);
});

test("structures that hold themselves or share parts without end are read as they are", () => {
  const cyclic = load(text("]q\x00h\x00a.")) as unknown[];
  assert.is(cyclic[0], cyclic);
  const laughs = load(text(`]${"2\x86".repeat(1000)}.`)); // 2^1000 leaves, if one were to unfold it
  assert.ok(Array.isArray(laughs));
  expectFault(`]${"2\x86".repeat(1000)}K\x01R.`, /no tuple/);
});

test("damaged pickles of every protocol are refused or read, never worse", async () => {
  const { protocols } = await golden();
  const random = rngFrom(streamSeed(5, "pickle"));
  for (const pickle of protocols.map((base64) => Buffer.from(base64, "base64")))
    for (let round = 0; round < 300; round++) {
      const bytes = Buffer.from(pickle);
      for (let hits = 0; hits <= round % 4; hits++) bytes[random.integer(bytes.length)] = random.integer(256);
      await onlyFileErrors(bytes.toString("hex"), async () => load(bytes));
    }
});

test.run();
