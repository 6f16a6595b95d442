import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Augment, drawView, NO_AUGMENT } from "../../lib/data/augment.js";
import { imageViews } from "../../lib/data/imageViews.js";
import { centredView } from "../../lib/data/view.js";
import { streamSeed } from "../../lib/random.js";

const test = suite("data/imageViews");

const settings = { size: 64, channels: 3 } as const;
const random: Augment = { resize: "cover", crop: "random", cropScale: [1, 1.5], flip: true };

test("the first view of every image is the plain centred one, whatever follows", () => {
  const place = imageViews(settings, { augment: random, seed: 3 });
  for (const index of [0, 1, 99]) assert.equal(place(index, 0), centredView(settings));
  const squashed = imageViews(settings, { augment: { ...random, resize: "squash" }, seed: 3 });
  assert.equal(squashed(5, 0), centredView(settings, "squash"));
});

test("without a random crop the second view is the mirror image, of every image", () => {
  const place = imageViews(settings, { augment: { ...NO_AUGMENT, flip: true }, seed: 3 });
  for (let index = 0; index < 20; index++) assert.equal(place(index, 1), { ...centredView(settings), flip: true });
});

test("a random crop draws each further view from a stream of seed, image and number alone", () => {
  const place = imageViews(settings, { augment: random, seed: 3 });
  const far = place(7, 2);
  place(0, 1);
  assert.equal(place(7, 2), far, "what was asked before changes nothing");
  assert.equal(far, drawView(settings, random, streamSeed(3, "views", 7, 2)));
  const others = [place(7, 1), place(8, 2), imageViews(settings, { augment: random, seed: 4 })(7, 2)];
  for (const other of others) assert.not.equal(other, far);
  const flips = Array.from({ length: 400 }, (_, i) => place(i, 1).flip).filter(Boolean).length;
  assert.ok(Math.abs(flips - 200) < 40, `${flips} of 400 mirrored`);
  const kept = imageViews(settings, { augment: { ...random, flip: false }, seed: 3 });
  assert.equal(kept(7, 2), { ...far, flip: false });
});

test("scales upside down are refused at once", () => {
  const wrong = { augment: { ...random, cropScale: [1.5, 1.2] }, seed: 0 } as const;
  assert.throws(() => imageViews(settings, wrong), /1 <= min <= max/);
});

test.run();
