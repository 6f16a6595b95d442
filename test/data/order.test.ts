import { suite } from "uvu";
import * as assert from "uvu/assert";
import { trainingOrder } from "../../lib/data/order.js";

const test = suite("training order");

const epochOf = (order: ReturnType<typeof trainingOrder>, epoch: number, count: number): number[] =>
  Array.from({ length: count }, (_, i) => order(epoch * count + i).index);

test("an epoch holds every index once, and each epoch has its own order", () => {
  const order = trainingOrder(50, 7);
  const epochs = [0, 1, 2].map((epoch) => epochOf(order, epoch, 50));
  for (const indices of epochs)
    assert.equal(
      [...indices].sort((a, b) => a - b),
      Array.from({ length: 50 }, (_, i) => i),
    );
  assert.not.equal(epochs[0], epochs[1]);
  assert.not.equal(epochs[1], epochs[2]);
  assert.is(order(149).epoch, 2);
});

test("any position is found without the ones before, and the seed alone decides", () => {
  const walked = trainingOrder(11, 3);
  const draws = Array.from({ length: 100 }, (_, p) => walked(p));
  assert.equal(trainingOrder(11, 3)(97), draws[97]);
  const other = trainingOrder(11, 4);
  assert.not.equal(
    Array.from({ length: 100 }, (_, p) => other(p)),
    draws,
  );
});

test("one item comes again and again", () => {
  const order = trainingOrder(1, 0);
  assert.equal(order(5), { epoch: 5, index: 0 });
});

test.run();
