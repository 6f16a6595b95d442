import type * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  attentionBlock,
  attentionBlockSpec,
  level,
  levelSpec,
  middle,
  middleSpec,
  resBlock,
  resBlockSpec,
} from "../../lib/models/cnnBlocks.js";
import { flattenSpecs, type ParamsOf, paramTree, type SpecTree } from "../../lib/nn/params.js";
import { type Given, normals, numbersOf, onCpu, tensorOf } from "../nn/support/eager.js";
import { attentionByLoops, denseByLoops } from "../nn/support/loops.js";
import { inGroups, normByLoops } from "../nn/support/norms.js";
import { expectClose } from "../support.js";

const test = suite("models/cnnBlocks");

const GROUPS = 2;
const SHAPE = [2, 3, 3, 4] as const;
const x = normals(1, SHAPE);

/** Random parameters, the zeros and ones of a start included. */
function drawn(spec: SpecTree): Record<string, Given> {
  const specs = Object.entries(flattenSpecs(spec));
  return Object.fromEntries(specs.map(([name, { shape }], i) => [name, normals(10 + i, shape, 0.5)]));
}

/** Numbers of `f` of parameters and x. */
function run<S extends SpecTree>(
  spec: S,
  given: Record<string, Given>,
  f: (params: ParamsOf<S>, x: tf.Tensor) => tf.Tensor,
): number[] {
  return onCpu(() => {
    const named = Object.fromEntries(Object.entries(given).map(([name, one]) => [name, tensorOf(one)]));
    return numbersOf(f(paramTree(spec, named), tensorOf(x)));
  });
}

const zeros = (g: Given): Given => ({ ...g, values: g.values.map(() => 0) });

test("a residual block whose second convolution is zero passes its input on, or the shortcut of it", () => {
  for (const to of [4, 6]) {
    const spec = resBlockSpec(4, to);
    const params = drawn(spec);
    const silent = {
      ...params,
      "conv2/kernel": zeros(params["conv2/kernel"]!),
      "conv2/bias": zeros(params["conv2/bias"]!),
    };
    const block = (p: ParamsOf<typeof spec>, images: tf.Tensor) => resBlock(p, GROUPS, images);
    const wanted =
      to === 4 ? x.values : denseByLoops(x.values, params["shortcut/kernel"]!.values, params["shortcut/bias"]!.values);
    expectClose(run(spec, silent, block), wanted, `to ${to}`, { absolute: 1e-5 });
    assert.not.equal(run(spec, params, block), run(spec, silent, block));
  }
});

test("attention is that of the definition over all pixels of an image, added to it", () => {
  const spec = attentionBlockSpec(4);
  const params = drawn(spec);
  const at = (name: string) => params[name]!.values;
  const normed = normByLoops(x.values, at("norm/gain"), at("norm/bias"), inGroups(SHAPE, GROUPS));
  const map = (name: string, values: readonly number[]) =>
    denseByLoops(values, at(`${name}/kernel`), at(`${name}/bias`));
  const mixed = attentionByLoops(map("q", normed), map("k", normed), map("v", normed), {
    groups: 2,
    positions: 9,
    width: 4,
  });
  const wanted = map("out", mixed).map((value, i) => value + x.values[i]!);
  const got = run(spec, params, (p, images) => attentionBlock(p, GROUPS, images));
  expectClose(got, wanted, "images", { absolute: 1e-5 });
});

test("a level has its attentions after each block, and changes the width in the first", () => {
  const spec = levelSpec({ from: 4, to: 8 }, { count: 2, attends: true });
  const got = run(spec, drawn(spec), (p, images) => level(p, GROUPS, images));
  const wanted = run(spec, drawn(spec), (p, images) => {
    let y = images;
    for (const i of [0, 1]) y = attentionBlock(p.attentions[i]!, GROUPS, resBlock(p.blocks[i]!, GROUPS, y));
    return y;
  });
  assert.equal(got, wanted);
  const plain = levelSpec({ from: 4, to: 8 }, { count: 3, attends: false });
  assert.is(plain.attentions.length, 0);
  assert.equal(
    plain.blocks.map(({ conv1, shortcut }) => [conv1.kernel.shape, shortcut !== undefined]),
    [
      [[3, 3, 4, 8], true],
      [[3, 3, 8, 8], false],
      [[3, 3, 8, 8], false],
    ],
  );
});

test("the middle is block, attention, block", () => {
  const spec = middleSpec(4);
  const got = run(spec, drawn(spec), (p, images) => middle(p, GROUPS, images));
  const wanted = run(spec, drawn(spec), (p, images) =>
    resBlock(p.block2, GROUPS, attentionBlock(p.attention, GROUPS, resBlock(p.block1, GROUPS, images))),
  );
  assert.equal(got, wanted);
});

test.run();
