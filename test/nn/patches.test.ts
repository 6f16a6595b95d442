import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { patchify, unpatchify } from "../../lib/nn/patches.js";
import { compareEngines } from "../engine/support/compareEngines.js";
import { drawFrom } from "../engine/support/drawing.js";
import { normals, numbersOf, onCpu, valuesOf } from "./support/eager.js";

const test = suite("nn/patches");

test("a worked example: 4 x 4 pixels in patches of 2 x 2", () => {
  const pixels = Array.from({ length: 16 }, (_, i) => i); // row y, column x holds 4 y + x
  const patches = onCpu(() => patchify(tf.tensor(pixels, [1, 4, 4, 1]), 2));
  assert.equal(patches.shape, [1, 4, 4]);
  assert.equal(
    valuesOf((x) => patchify(x!, 2), { shape: [1, 4, 4, 1], values: pixels }),
    [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15],
  );
});

test("an element of a patch is found at (row, column, channel), patches in raster order, images apart", () => {
  const [B, H, W, C, P] = [2, 4, 6, 3, 2];
  const images = normals(1, [B, H, W, C]);
  const found = valuesOf((x) => patchify(x!, P), images);
  let at = 0;
  for (let b = 0; b < B; b++)
    for (let top = 0; top < H; top += P)
      for (let left = 0; left < W; left += P)
        for (let row = 0; row < P; row++)
          for (let column = 0; column < P; column++)
            for (let c = 0; c < C; c++)
              assert.is(found[at++], images.values[((b * H + top + row) * W + left + column) * C + c]);
  assert.is(at, found.length);
});

test("unpatchify undoes patchify, for wide and for high images", () => {
  for (const [H, W, P] of [
    [6, 2, 2],
    [3, 9, 3],
    [4, 4, 1],
    [4, 4, 4],
  ] as const) {
    const images = normals(2, [2, H, W, 3]);
    const back = onCpu(() => {
      const again = unpatchify(patchify(tf.tensor([...images.values], [2, H, W, 3]), P), P, [H / P, W / P]);
      return { shape: again.shape, values: numbersOf(again) };
    });
    assert.equal(back, { shape: [2, H, W, 3], values: [...images.values] });
  }
});

test("sides that are no multiples of the patch side are refused", () => {
  const cut = (H: number, W: number) => () => onCpu(() => patchify(tf.zeros([1, H, W, 1]), 2));
  for (const [H, W] of [
    [3, 4],
    [4, 5],
  ] as const)
    assert.throws(
      cut(H, W),
      (error: unknown) =>
        error instanceof RangeError &&
        error.message === `patchify: sides must be multiples of the patch side 2, got ${H} x ${W}`,
    );
});

test("graph and JavaScript agree", () => {
  const draw = drawFrom(8, "patches");
  return compareEngines("patches", [
    { name: "patchify", operands: [draw.operand([2, 4, 6, 3])], f: (x) => patchify(x!, 2), gradients: 2 },
    { name: "unpatchify", operands: [draw.operand([2, 6, 12])], f: (x) => unpatchify(x!, 2, [2, 3]), gradients: 2 },
  ]);
});

test.run();
