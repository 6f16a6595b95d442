import type * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { flattenSpecs, initialise } from "../../lib/nn/params.js";
import { tokenShift, tokenShiftSpec, tokensBefore } from "../../lib/nn/tokenShift.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { given } from "../engine/support/drawing.js";
import { expectClose } from "../support.js";
import { gradientsOf, normals, valuesOf } from "./support/eager.js";
import { centralDifferences, inner, tokenShiftByLoops } from "./support/loops.js";

const test = suite("nn/tokenShift");

const [B, N, D] = [2, 3, 4];
const u = normals(1, [B, N, D]);
const mix = normals(2, [D]);
const shift = (tokens: tf.Tensor, m: tf.Tensor) => tokenShift({ mix: m }, tokens);

test("each token is mixed with the one before, channel by channel; the first one with zeros", () => {
  const tokens = { shape: [1, 3, 2], values: [1, 10, 2, 20, 4, 40] };
  const got = valuesOf(shift, tokens, { shape: [2], values: [0.75, 0] });
  assert.equal(got, [0.75, 0, 1.75, 10, 3.5, 20]);
  expectClose(valuesOf(shift, u, mix), tokenShiftByLoops(u.values, mix.values, N), "drawn", { absolute: 1e-6 });
});

test("its gradients are those of its definition", () => {
  const w = normals(3, u.shape);
  const [byTokens, byMix] = gradientsOf(shift, w, u, mix);
  const loss = (tokens: readonly number[], m: readonly number[]) => inner(tokenShiftByLoops(tokens, m, N), w.values);
  const wanted = {
    tokens: centralDifferences((x) => loss(x, mix.values), u.values),
    mix: centralDifferences((m) => loss(u.values, m), mix.values),
  };
  expectClose(byTokens!, wanted.tokens, "by the tokens", { absolute: 1e-5 });
  expectClose(byMix!, wanted.mix, "by the mix", { absolute: 1e-5 });
});

test("the tokens before may come from elsewhere, and a single token has zeros before it", () => {
  const one = { shape: [1, 1, 2], values: [4, 8] };
  const half = { shape: [2], values: [0.5, 0.25] };
  assert.equal(valuesOf(tokensBefore, one), [0, 0]);
  assert.equal(valuesOf(shift, one, half), [2, 2]);
  const given = (tokens: tf.Tensor, m: tf.Tensor, before: tf.Tensor) => tokenShift({ mix: m }, tokens, before);
  assert.equal(valuesOf(given, one, half, { shape: [1, 1, 2], values: [2, 4] }), [3, 5]);
});

test("the mix starts as a ramp over the channels and does not decay", () => {
  const specs = flattenSpecs(tokenShiftSpec(5));
  assert.equal([...initialise(specs, 1)["mix"]!.data], [0, 0.25, 0.5, 0.75, 1]);
  assert.is(specs["mix"]!.decay, false);
});

test("engines agree", () =>
  compareEngines("tokenShift", [
    { name: "three tokens", operands: [given(u.values, u.shape), given(mix.values)], f: (x, m) => shift(x!, m!) },
    { name: "one token", operands: [given([1, 2, 3, 4], [2, 1, 2]), given([0.3, 2])], f: (x, m) => shift(x!, m!) },
  ]));

test.run();
