import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import { LOSS_SCALE, LossScale } from "../../lib/train/lossScale.js";
import { expectThrow } from "../support.js";

const test = suite("train/lossScale");

test("it begins at 2^16 and is what a step is given", () => {
  const scale = new LossScale();
  assert.is(scale.scale, 65536);
  assert.equal(scale.input, { [LOSS_SCALE]: { dtype: "float32", shape: [], data: Float32Array.of(65536) } });
});

test("it is halved at every overflow, down to 1, which cannot be halved", () => {
  const scale = new LossScale();
  for (let i = 1; i <= 16; i++) {
    assert.ok(scale.failed());
    assert.is(scale.scale, 2 ** (16 - i));
  }
  assert.not(scale.failed());
  assert.is(scale.scale, 1);
});

test("it is doubled after 2,000 good updates in a row, and an overflow begins the count anew", () => {
  const scale = new LossScale();
  const good = (times: number) => {
    for (let i = 0; i < times; i++) scale.succeeded();
    return scale.scale;
  };
  assert.is(good(1999), 65536);
  assert.is(good(1), 131072);
  assert.is(good(1999), 131072);
  scale.failed();
  assert.is(good(1999), 65536);
  assert.is(good(1), 131072);
});

test("it does not grow beyond 2^24", () => {
  const scale = new LossScale();
  for (let i = 0; i < 2000 * 12; i++) scale.succeeded();
  assert.is(scale.scale, 2 ** 24);
});

test("what it saves is all that it goes on from", () => {
  const [one, other] = [new LossScale(), new LossScale()];
  one.failed();
  for (let i = 0; i < 700; i++) one.succeeded();
  other.restore(JSON.parse(JSON.stringify(one.save())));
  for (let i = 0; i < 1300; i++) for (const scale of [one, other]) scale.succeeded();
  assert.equal(other.save(), one.save());
  assert.equal(one.save(), { scale: 65536, good: 0 });
  other.failed();
  other.restore(undefined); // a checkpoint of float32
  assert.equal(other.save(), { scale: 65536, good: 0 });
});

test("a damaged scale is refused", () => {
  for (const saved of [null, {}, { scale: 3, good: 0 }, { scale: 2 ** 30, good: 0 }, { scale: 0.5, good: 0 }])
    expectThrow(() => new LossScale().restore(saved), FileError);
  assert.throws(() => new LossScale().restore({ scale: 2, good: 2000 }), /want a loss scale .*damaged/);
});

test.run();
