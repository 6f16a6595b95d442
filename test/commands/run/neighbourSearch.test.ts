import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadImages, type Reading, searchNearest } from "../../../commands/run/neighbourSearch.js";
import type { ImageSource } from "../../../lib/data/source.js";
import { rngFrom } from "../../../lib/random.js";
import { plainSource } from "../../data/support.js";
import { expectClose } from "../../support.js";

const test = suite("commands/run/neighbourSearch");

const reading: Reading = { size: 2, channels: 3, resize: "cover", batchSize: 4, strict: false };
const DIM = 2 * 2 * 3;

/** Random images of 2 x 2 RGB. */
function noiseSource(count: number, seed: number): ImageSource & { bytes: Uint8Array } {
  const rng = rngFrom(seed);
  const bytes = Uint8Array.from({ length: count * DIM }, () => rng.integer(256));
  const input = (i: number) => ({
    pixels: bytes.slice(i * DIM, (i + 1) * DIM),
    width: 2,
    height: 2,
    channels: 3 as const,
  });
  return { ...plainSource(count), input, bytes };
}

test("a search in parts finds what a plain loop finds", async () => {
  const references = noiseSource(50, 1);
  const queries = noiseSource(20, 2).bytes;
  const squared = (q: number, r: number) => {
    let sum = 0;
    for (let k = 0; k < DIM; k++) sum += (queries[q * DIM + k]! - references.bytes[r * DIM + k]!) ** 2;
    return sum;
  };
  const wanted = Array.from({ length: 20 }, (_, q) => {
    const all = Array.from({ length: 50 }, (_, r) => squared(q, r));
    return { index: all.indexOf(Math.min(...all)), distance: Math.sqrt(Math.min(...all) / DIM) / 255 };
  });
  for (const partBytes of [1, 9 * DIM, 1e6]) {
    const seen: number[] = [];
    const { found, compared } = await searchNearest([queries.subarray(0, 5 * DIM), queries.subarray(5 * DIM)], {
      references,
      reading,
      partBytes,
      onProgress: (count) => seen.push(count),
    });
    assert.is(compared, 50);
    assert.is(seen.at(-1), 50);
    assert.is(seen.length, partBytes === 1 ? 50 : partBytes === 1e6 ? 1 : 5);
    assert.equal(
      found.flatMap(({ indices }) => [...indices]),
      wanted.map(({ index }) => index),
    );
    expectClose(
      found.flatMap(({ distances }) => [...distances]),
      wanted.map(({ distance }) => distance),
      "distances",
      { absolute: 1e-12 },
    );
  }
});

test("damaged references are left out, counted, and shift no index", async () => {
  const sound = plainSource(9);
  const references: ImageSource = {
    ...sound,
    input: (i) => (i === 2 || i === 7 ? { file: "/nowhere.png" } : sound.input(i)),
  };
  const { pixels } = await loadImages(sound, reading);
  const { found, compared, damaged } = await searchNearest([pixels], { references, reading });
  assert.equal([...found[0]!.indices], [0, 1, 1, 3, 4, 5, 6, 6, 8]);
  assert.equal([compared, damaged], [7, 2]);
});

test("images are loaded in order up to a limit, in the channels asked for", async () => {
  const { pixels, indices, damaged } = await loadImages(plainSource(9), { ...reading, channels: 1 }, 6);
  assert.equal([...indices], [0, 1, 2, 3, 4, 5]);
  assert.equal(
    [...pixels],
    [0, 1, 2, 3, 4, 5].flatMap((level) => [level, level, level, level]),
  );
  assert.is(damaged, 0);
});

test.run();
