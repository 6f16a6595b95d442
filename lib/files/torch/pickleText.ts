/** How pickles spell numbers and strings: the textual forms of protocol 0 and the long integers of protocol 2. */
import { PickleFault } from "./pickleValues.js";

const MAX_INTEGER = 1024; // bytes or digits; longer ones are no numbers anyone stores

/** A little-endian two's complement integer of any length. */
export function integerOf(bytes: Uint8Array): number | bigint {
  if (bytes.length > MAX_INTEGER) throw new PickleFault(`an integer of ${bytes.length} bytes is absurd`);
  if (bytes.length === 0) return 0;
  const unsigned = BigInt(`0x${Buffer.from(bytes).reverse().toString("hex")}`);
  return asNumber(BigInt.asIntN(8 * bytes.length, unsigned));
}

/** Decimal digits; `00` and `01` are how protocol 0 spells False and True. */
export function pythonInteger(text: string): number | bigint | boolean {
  if (text === "00" || text === "01") return text === "01";
  if (text.length > MAX_INTEGER || !/^[+-]?\d+$/.test(text))
    throw new PickleFault(`no integer: "${text.slice(0, 40)}"`);
  return asNumber(BigInt(text.replace("+", "")));
}

/** A float as Python's repr spells it. */
export function pythonFloat(text: string): number {
  const special = SPECIAL_FLOATS.get(text);
  if (special !== undefined) return special;
  const value = Number(text);
  if (text.trim() === "" || Number.isNaN(value)) throw new PickleFault(`no float: "${text.slice(0, 40)}"`);
  return value;
}

/** A str of Python 2 as its repr spells it, in quotes and with escapes; its bytes become code points. */
export function unquoted(text: string): string {
  const [, inner] = /^'(.*)'$/s.exec(text) ?? /^"(.*)"$/s.exec(text) ?? [];
  if (inner === undefined) throw new PickleFault("a string without its quotes");
  return inner.replace(/\\(x[0-9a-fA-F]{2}|.)/gs, (_, spelled: string) =>
    spelled.length > 1 ? codePoint(spelled.slice(1)) : (ESCAPES.get(spelled) ?? spelled),
  );
}

/** Text in the codec raw-unicode-escape: Latin-1 but for `\uXXXX` and `\UXXXXXXXX`. */
export function rawUnicode(text: string): string {
  return text.replace(/\\u([0-9a-fA-F]{4})|\\U([0-9a-fA-F]{8})/g, (_, short?: string, long?: string) =>
    codePoint(short ?? long ?? ""),
  );
}

const SPECIAL_FLOATS = new Map([
  ["inf", Number.POSITIVE_INFINITY],
  ["-inf", Number.NEGATIVE_INFINITY],
  ["nan", Number.NaN],
]);

const ESCAPES = new Map([
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

function asNumber(integer: bigint): number | bigint {
  const value = Number(integer);
  return Number.isSafeInteger(value) ? value : integer;
}

function codePoint(digits: string): string {
  const code = Number.parseInt(digits, 16);
  if (code > 0x10ffff) throw new PickleFault(`no character: code point ${digits}`);
  return String.fromCodePoint(code);
}
