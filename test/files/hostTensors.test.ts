import { readFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import { readHostTensors, weightsHash, writeHostTensors } from "../../lib/files/hostTensors.js";
import { writeSafetensors } from "../../lib/files/safetensors.js";
import { floats, integers } from "../hostTensors.js";
import { expectRejection, inTemporaryFolder } from "../support.js";

const test = suite("hostTensors");

const weights = { "a/kernel": floats([2, 2], 1, -0, 3.5, 1e-40), "a/bias": floats([2], 5, 6), step: integers([], 7) };

test("host tensors come back equal, types, shapes, bits and metadata", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "w");
    await writeHostTensors(file, weights, { step: "7" });
    const back = await readHostTensors(file);
    assert.equal(back, { tensors: weights, metadata: { step: "7" } });
    assert.ok(Object.is(back.tensors["a/kernel"]?.data[1], -0));
  });
});

test("two writes give the same bytes, whatever the order of names", async () => {
  await inTemporaryFolder(async (folder) => {
    const [one, two] = [path.join(folder, "1"), path.join(folder, "2")];
    await writeHostTensors(one, weights, { step: "7" });
    await writeHostTensors(two, Object.fromEntries(Object.entries(weights).reverse()), { step: "7" });
    assert.equal(await readFile(one), await readFile(two));
  });
});

test("all 65,536 half floats widen exactly", async () => {
  await inTemporaryFolder(async (folder) => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const file = path.join(folder, "w");
    await writeSafetensors(file, {
      half: { dtype: "F16", shape: [65536], data: bits },
      brain: { dtype: "BF16", shape: [65536], data: bits },
    });
    const { half, brain } = (await readHostTensors(file)).tensors;
    assert.is(half?.dtype, "float32");
    for (let i = 0; i < 65536; i++) {
      assert.ok(Object.is(half?.data[i], slowHalf(i)), `F16 ${i.toString(16)}: ${half?.data[i]}, want ${slowHalf(i)}`);
      assert.ok(Object.is(brain?.data[i], slowBrain(i)), `BF16 ${i.toString(16)}: ${brain?.data[i]}`);
    }
  });
});

test("published half floats: one, the largest, the smallest, a third", async () => {
  await inTemporaryFolder(async (folder) => {
    const data = Uint16Array.of(0x3c00, 0x7bff, 0x0001, 0x3555);
    await writeSafetensors(path.join(folder, "w"), { w: { dtype: "F16", shape: [4], data } });
    const { w } = (await readHostTensors(path.join(folder, "w"))).tensors;
    assert.equal([...(w?.data ?? [])], [1, 65504, 2 ** -24, 0.333251953125]);
  });
});

test("types that the engine lacks are refused, naming tensor and type", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "w");
    await writeSafetensors(file, { ids: { dtype: "I64", shape: [1], data: BigInt64Array.of(1n) } });
    await expectRejection(readHostTensors(file), FileError, /tensor "ids" is I64; want F32, F16, BF16 or I32/);
  });
});

test("the hash is the SHA-256 of the documented text and bytes", () => {
  // printf '["w","float32",[1]]\n\0\0\200\077' | sha256sum
  assert.is(weightsHash({ w: floats([1], 1) }), "36bfa8de419424374d8f8dab8138890fed6a440abcf497395727208c6ffae31c");
});

test("the hash ignores the order of names and sees every name, shape, type and value", () => {
  const hash = weightsHash(weights);
  assert.is(weightsHash(Object.fromEntries(Object.entries(weights).reverse())), hash);
  const others = [
    { ...weights, "a/bias": floats([2], 5, 7) },
    { ...weights, "a/bias": floats([1, 2], 5, 6) },
    { ...weights, "a/bias": integers([2], ...new Int32Array(Float32Array.of(5, 6).buffer)) },
    { "a/kernel": weights["a/kernel"], "b/bias": weights["a/bias"], step: weights.step },
    { "a/kernel": weights["a/kernel"], "a/bias": weights["a/bias"] },
  ];
  assert.is(new Set([hash, ...others.map(weightsHash)]).size, 6);
});

test("a file's metadata do not change the identity of its weights", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "w");
    await writeHostTensors(file, weights, { anything: "else" });
    assert.is(weightsHash((await readHostTensors(file)).tensors), weightsHash(weights));
  });
});

/** From the digits: sign, five of exponent, ten of mantissa. */
function slowHalf(bits: number): number {
  const digits = bits.toString(2).padStart(16, "0");
  const exponent = Number.parseInt(digits.slice(1, 6), 2);
  const fraction = Number.parseInt(digits.slice(6), 2) / 1024;
  const sign = digits[0] === "1" ? -1 : 1;
  if (exponent === 31) return fraction === 0 ? sign / 0 : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -14 : sign * (1 + fraction) * 2 ** (exponent - 15);
}

/** Eight digits of exponent, seven of mantissa. */
function slowBrain(bits: number): number {
  const digits = bits.toString(2).padStart(16, "0");
  const exponent = Number.parseInt(digits.slice(1, 9), 2);
  const fraction = Number.parseInt(digits.slice(9), 2) / 128;
  const sign = digits[0] === "1" ? -1 : 1;
  if (exponent === 255) return fraction === 0 ? sign / 0 : Number.NaN;
  return exponent === 0 ? sign * fraction * 2 ** -126 : sign * (1 + fraction) * 2 ** (exponent - 127);
}

test.run();
