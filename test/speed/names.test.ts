import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MEASUREMENT_GROUPS, MEASUREMENTS, measurementsNamed } from "../../lib/speed/names.js";

const test = suite("speed/names");

test("without names everything is meant", () => {
  assert.equal(measurementsNamed([]), [...MEASUREMENTS]);
});

test("a name is a measurement, or the beginning of several, which come once and in order", () => {
  assert.equal(measurementsNamed(["encode", "train-vq"]), ["train-vq-ae", "train-vq-full", "encode"]);
  assert.equal(measurementsNamed(["sample", "sample-8"]), ["sample-1", "sample-8", "sample-32"]);
  assert.equal(measurementsNamed(["sample-1"]), ["sample-1"]);
  assert.equal(measurementsNamed(["sample-3", "enc"]), []);
});

test("every group stands for two measurements or more, and is none itself", () => {
  for (const group of MEASUREMENT_GROUPS) {
    assert.ok(measurementsNamed([group]).length > 1, group);
    assert.not.ok((MEASUREMENTS as readonly string[]).includes(group), group);
  }
});

test.run();
