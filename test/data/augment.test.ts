import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Augment, drawView, NO_AUGMENT, shorterSides } from "../../lib/data/augment.js";
import { centredView, checkView } from "../../lib/data/view.js";
import { streamSeed } from "../../lib/random.js";

const test = suite("augmentation");

const settings = { size: 64, channels: 3 } as const;
const all: Augment = { resize: "cover", crop: "random", cropScale: [9 / 8, 12 / 8], flip: true };
const draws = (augment: Augment, n = 2000) =>
  Array.from({ length: n }, (_, i) => drawView(settings, augment, streamSeed(3, "augment", 0, i)));

test("the same stream draws the same view, another one another", () => {
  assert.equal(drawView(settings, all, 12345), drawView(settings, all, 12345));
  assert.not.equal(drawView(settings, all, 12345), drawView(settings, all, 12346));
});

test("without augmentation the view is the centred square", () => {
  assert.equal(drawView(settings, NO_AUGMENT, 5), centredView(settings));
  assert.equal(drawView(settings, { ...NO_AUGMENT, resize: "squash" }, 5), centredView(settings, "squash"));
});

test("draws are valid, cover their range evenly and flip every second image", () => {
  const views = draws(all);
  for (const view of views) checkView(view);
  const sides = views.map((view) => view.shorterSide);
  assert.is(Math.min(...sides), 72);
  assert.is(Math.max(...sides), 96);
  const mean = (values: number[]) => values.reduce((a, b) => a + b) / values.length;
  assert.ok(Math.abs(mean(sides) - 84) < 0.7);
  assert.ok(Math.abs(mean(views.map((view) => view.cropX)) - 0.5) < 0.03);
  assert.ok(Math.abs(mean(views.map((view) => view.cropY)) - 0.5) < 0.03);
  assert.ok(Math.abs(mean(views.map((view) => Number(view.flip))) - 0.5) < 0.05);
});

test("the draws are independent of one another", () => {
  const views = draws(all);
  const both = views.filter((view) => view.flip && view.cropX < 0.5 && view.cropY < 0.5 && view.shorterSide < 84);
  assert.ok(Math.abs(both.length / views.length - 0.06) < 0.02); // 1/2 * 1/2 * 1/2 * 12/25
});

test("switching one kind off leaves the other draws as they were", () => {
  const full = draws(all, 50);
  draws({ ...all, flip: false }, 50).forEach((view, i) => {
    assert.equal(view, { ...full[i]!, flip: false });
  });
  draws({ resize: "cover", crop: "center", flip: true }, 50).forEach((view, i) => {
    assert.equal(view, { ...centredView(settings), flip: full[i]!.flip });
  });
});

test("the shorter sides that are drawn go from the least to the most, both included", () => {
  const { size } = settings;
  const drawn = draws({ ...all, cropScale: [1.1, 1.5] }, 2000).map(({ shorterSide }) => shorterSide);
  const ends = [Math.round(1.1 * size), Math.round(1.5 * size)];
  assert.equal([Math.min(...drawn), Math.max(...drawn)], ends);
  assert.equal(shorterSides(settings, { ...all, cropScale: [1.1, 1.5] }), ends);
  assert.equal(shorterSides(settings, NO_AUGMENT), [size, size]);
});

test("scales below 1 or upside down are refused", () => {
  assert.throws(() => drawView(settings, { ...all, cropScale: [0.5, 1] }, 0), RangeError);
  assert.throws(() => drawView(settings, { ...all, cropScale: [1.5, 1.2] }, 0), /1 <= min <= max/);
});

test.run();
