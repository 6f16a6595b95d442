import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../../lib/errors.js";
import { bytesOf } from "../../../lib/files/bytes.js";
import { PickleFault } from "../../../lib/files/torch/pickleValues.js";
import { TorchStorage, TorchTensor } from "../../../lib/files/torch/torchTensor.js";
import { rngFrom, streamSeed } from "../../../lib/random.js";
import { expectRejection, expectThrow } from "../../support.js";

const test = suite("torch tensor");

const LENGTH = 60;
const counted = Float32Array.from({ length: LENGTH }, (_, i) => i);

/** A storage of 0, 1, 2, ... that notes which bytes were asked for. */
function counting(): { storage: TorchStorage; asked: [number, number][] } {
  const asked: [number, number][] = [];
  const storage = new TorchStorage("x.pt: storage 0", "F32", LENGTH, async (bytes, begin) => {
    asked.push([begin, begin + bytes.length]);
    bytes.set(bytesOf(counted).subarray(begin, begin + bytes.length));
  });
  return { storage, asked };
}

/** Element numbers of a view by the definition, one index after the other. */
function elementsOf(offset: number, shape: number[], strides: number[]): number[] {
  if (shape.length === 0) return [offset];
  const [size, ...sizes] = shape as [number, ...number[]];
  const [stride, ...rest] = strides as [number, ...number[]];
  return Array.from({ length: size }, (_, i) => elementsOf(offset + i * stride, sizes, rest)).flat();
}

test("views of any shape and stride come out dense and row-major", async () => {
  const random = rngFrom(streamSeed(3, "views"));
  for (let round = 0; round < 300; round++) {
    const shape = Array.from({ length: random.integer(5) }, () => random.integer(4));
    const strides = shape.map(() => random.integer(6));
    const reach = shape.reduce((sum, size, axis) => sum + Math.max(0, size - 1) * strides[axis]!, 0);
    const offset = random.integer(LENGTH - reach);
    const tensor = new TorchTensor(counting().storage, { offset, shape, strides });
    const { dtype, shape: got, data } = await tensor.read();
    assert.equal([dtype, got], ["float32", shape]);
    assert.equal([...data], elementsOf(offset, shape, strides), `[${shape}] by [${strides}] from ${offset}`);
  }
});

test("only the bytes between the first and the last element are read", async () => {
  const { storage, asked } = counting();
  await new TorchTensor(storage, { offset: 7, shape: [3, 2], strides: [10, 1] }).read();
  assert.equal(asked, [[28, 28 + 4 * 22]]);
});

test("a view that leaves its storage is refused, the last that fits is not", () => {
  const view = (offset: number, shape: number[], strides: number[]) => () =>
    new TorchTensor(counting().storage, { offset, shape, strides });
  view(0, [6, 10], [10, 1])();
  view(59, [], [])();
  view(60, [0], [1])();
  view(0, [0, 5], [1000, 1000])();
  for (const wrong of [
    view(1, [6, 10], [10, 1]),
    view(60, [], []),
    view(0, [2], [60]),
    view(2 ** 52, [1], [1]),
    view(0, [2 ** 52, 2 ** 52], [2 ** 52, 1]),
    view(61, [0], [1]),
  ])
    expectThrow(wrong, PickleFault, /leaves its storage of 60/);
});

test("offsets, sizes and strides that are no counts are refused", () => {
  const { storage } = counting();
  const wrong = [
    { offset: -1, shape: [1], strides: [1] },
    { offset: 0.5, shape: [1], strides: [1] },
    { offset: 0, shape: [-1], strides: [1] },
    { offset: 5, shape: [2], strides: [-1] },
    { offset: 0, shape: [2], strides: [1, 1] },
    { offset: 0, shape: ["2"], strides: [1] },
    { offset: 0, shape: 2, strides: 1 },
    { offset: 0, shape: Array(65).fill(1), strides: Array(65).fill(1) },
  ];
  for (const view of wrong)
    assert.throws(
      () => new TorchTensor(storage, view as ConstructorParameters<typeof TorchTensor>[1]),
      (error: Error) => error instanceof PickleFault,
      JSON.stringify(view),
    );
});

test("repeating a few elements to absurd sizes is refused", () => {
  const { storage } = counting();
  for (const shape of [[2 ** 40], [2 ** 20, 2 ** 20], Array(60).fill(2 ** 50)])
    expectThrow(
      () => new TorchTensor(storage, { offset: 0, shape, strides: shape.map(() => 0) }),
      PickleFault,
      /absurd/,
    );
});

test("a tensor larger than an array can be is refused when it is read", async () => {
  const huge = new TorchStorage("x.pt: storage 0", "F64", 2 ** 40, async () => undefined);
  const tensor = new TorchTensor(huge, { offset: 0, shape: [2 ** 40], strides: [1] });
  await expectRejection(tensor.read(), FileError, /x\.pt: storage 0: a tensor \[1099511627776\] is more than/);
});

test.run();
