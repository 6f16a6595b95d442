import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createRateMeter } from "../../lib/ui/rate.js";

const test = suite("rate meter");

test("nothing is known before anything was measured", () => {
  const meter = createRateMeter({ now: () => 5 });
  assert.ok(Number.isNaN(meter.perSecond()) && Number.isNaN(meter.remaining(10)));
});

test("the rate is what was done a second, and the rest follows from it", () => {
  let time = 100;
  const meter = createRateMeter({ now: () => time });
  time = 102;
  meter.update(10);
  assert.is(meter.perSecond(), 5);
  assert.is(meter.remaining(40), 6);
  assert.is(meter.remaining(10), 0);
});

test("what was done before the start is not counted as work", () => {
  let time = 0;
  const meter = createRateMeter({ start: 1000, now: () => time });
  time = 2;
  meter.update(1010);
  assert.is(meter.perSecond(), 5);
});

test("after half a minute the beginning is forgotten", () => {
  let time = 0;
  let done = 0;
  const meter = createRateMeter({ now: () => time });
  for (; time < 60; time++) {
    done += time < 20 ? 1 : 10;
    meter.update(done);
  }
  assert.ok(Math.abs(meter.perSecond() - 10) < 1e-9, `${meter.perSecond()}`);
});

test("a standstill leaves the time unknown", () => {
  let time = 0;
  const meter = createRateMeter({ now: () => time });
  time = 5;
  meter.update(0);
  assert.is(meter.perSecond(), 0);
  assert.ok(Number.isNaN(meter.remaining(10)));
});

test.run();
