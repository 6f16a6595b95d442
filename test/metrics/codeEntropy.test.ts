import { suite } from "uvu";
import * as assert from "uvu/assert";
import { countCodes, crossEntropyUnder, entropyOf } from "../../lib/metrics/codeEntropy.js";
import { expectClose } from "../support.js";

const test = suite("metrics/codeEntropy");

test("codes are counted over all and at each position", () => {
  const counter = countCodes({ vocabulary: 4, tokensPerImage: 2 });
  counter.add(Int32Array.of(0, 1, 0, 3));
  counter.add(Int32Array.of(0, 1, 2, 1));
  assert.equal([...counter.counts()], [3, 3, 1, 1]);
  const positions = counter.positionEntropies(); // 0 0 0 2 and 1 3 1 1: frequencies 3/4 and 1/4 both
  const each = -(0.75 * Math.log(0.75) + 0.25 * Math.log(0.25));
  expectClose(positions, [each, each], "positions", { absolute: 1e-12 });
  expectClose([entropyOf(counter.counts())], [Math.log(8) - (6 / 8) * Math.log(3)], "all", { absolute: 1e-12 });
});

test("the cross entropy counts one more of each code than the reference has", () => {
  const [counts, reference] = [Float64Array.of(2, 0, 2), Float64Array.of(5, 2, 0)];
  const want = -(0.5 * Math.log(6 / 10) + 0.5 * Math.log(1 / 10));
  expectClose([crossEntropyUnder(counts, reference)], [want], "cross entropy", { absolute: 1e-12 });
  const many = counts.map((count) => 1e9 * count + 0);
  const own = crossEntropyUnder(counts, many);
  assert.ok(own > entropyOf(counts) && own < entropyOf(counts) + 1e-8, "of its own frequencies it is the entropy");
});

test("codes out of range, rows cut short and another vocabulary are refused", () => {
  const counter = countCodes({ vocabulary: 4, tokensPerImage: 2 });
  assert.throws(() => counter.add(Int32Array.of(0, 4)), /want 0\.\.3, got 4 at 1/);
  assert.throws(() => counter.add(Int32Array.of(0, 1, 2)), /want rows of 2, got 3 codes/);
  assert.throws(() => crossEntropyUnder(Float64Array.of(1), Float64Array.of(1, 2)), /of 1 codes, got 2/);
});

test.run();
