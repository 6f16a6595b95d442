import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type ImageSource, openSource, type Pixels } from "../../lib/data/source.js";
import { DataError } from "../../lib/errors.js";
import { expectRejection, fixture, inTemporaryFolder } from "../support.js";

const test = suite("IDX files");

/** An IDX file: 0, 0, type byte, number of dimensions, then the dimensions and the bytes. */
function idx(dims: readonly number[], data: readonly number[], type = 8): Buffer {
  const header = Buffer.alloc(4 + 4 * dims.length);
  header.set([0, 0, type, dims.length]);
  dims.forEach((size, i) => {
    header.writeUInt32BE(size, 4 + 4 * i);
  });
  return Buffer.concat([header, Buffer.from(data)]);
}

const counting = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const pixelsOf = (source: ImageSource, i: number): number[] => [...(source.input(i) as Pixels).pixels];

test("fashion-mnist-mini holds the bytes and labels of its files, gunzipped by hand", async () => {
  const file = fixture("fashion-mnist-mini", "train-images-idx3-ubyte.gz");
  const source = await openSource(file);
  const images = gunzipSync(await readFile(file)).subarray(16);
  const labels = gunzipSync(await readFile(fixture("fashion-mnist-mini", "train-labels-idx1-ubyte.gz"))).subarray(8);
  assert.equal([source.kind, source.count], ["idx", 6000]);
  assert.is(source.classNames?.[1], "trouser");
  for (const i of [0, 1, 4321, 5999]) {
    const { pixels, ...shape } = source.input(i) as Pixels;
    assert.equal(shape, { width: 28, height: 28, channels: 1 });
    assert.is(Buffer.compare(pixels, images.subarray(784 * i, 784 * (i + 1))), 0);
    assert.is(source.label(i), labels[i]);
  }
  assert.is(source.name(17), "train-images-idx3-ubyte.gz[17]");
});

test("plain and gzipped files read alike, and labels are found beside either", () =>
  inTemporaryFolder(async (root) => {
    const bytes = idx([3, 2, 1], counting(6));
    await writeFile(path.join(root, "a-images-idx3-ubyte"), bytes);
    await writeFile(path.join(root, "a-labels-idx1-ubyte.gz"), gzipSync(idx([3], [2, 0, 1])));
    await writeFile(path.join(root, "b.images.bin"), gzipSync(bytes));
    const plain = await openSource(path.join(root, "a-images-idx3-ubyte"));
    const zipped = await openSource(path.join(root, "b.images.bin"));
    for (const i of [0, 1, 2]) assert.equal(pixelsOf(plain, i), pixelsOf(zipped, i));
    assert.equal(pixelsOf(plain, 1), [2, 3]);
    assert.equal([plain.label(0), plain.classNames], [2, ["0", "1", "2"]]);
    assert.equal([zipped.label(0), zipped.classNames], [-1, undefined]);
    const named = await openSource(path.join(root, "b.images.bin"), {
      labels: path.join(root, "a-labels-idx1-ubyte.gz"),
    });
    assert.is(named.label(0), 2);
  }));

test("four dimensions are colour images", () =>
  inTemporaryFolder(async (root) => {
    await writeFile(path.join(root, "colour"), idx([2, 1, 2, 3], counting(12)));
    const source = await openSource(path.join(root, "colour"));
    assert.equal(source.input(1), { pixels: Uint8Array.from([6, 7, 8, 9, 10, 11]), width: 2, height: 1, channels: 3 });
  }));

test("damaged and foreign files are refused in words that help", () =>
  inTemporaryFolder(async (root) => {
    const refused = async (bytes: Uint8Array): Promise<string> => {
      await writeFile(path.join(root, "images"), bytes);
      return (await expectRejection(openSource(path.join(root, "images")), DataError)).message;
    };
    const good = idx([3, 2, 1], counting(6));
    assert.match(await refused(good.subarray(0, 20)), /cut short: its header says 3 x 2 x 1 = 6 bytes, 4 are there/);
    assert.match(await refused(good.subarray(0, 10)), /cut short inside its header/);
    assert.match(await refused(Buffer.concat([good, good])), /longer than its header says, 3 x 2 x 1 = 6 bytes/);
    assert.match(
      await refused(idx([3], counting(3))),
      /starts with 0x00000801, not 0x00000803 or 0x00000804; want .*folder/,
    );
    assert.match(await refused(idx([3, 2, 1], counting(6), 13)), /starts with 0x00000d03/);
    assert.match(await refused(Buffer.from("ab")), /no IDX file of images: it has 2 bytes/);
    assert.match(await refused(idx([2, 1, 1, 4], counting(8))), /4 channels/);
    assert.match(await refused(idx([0, 2, 2], [])), /no images/);
    assert.match(await refused(idx([4294967295, 4294967295, 255], [])), /more than fits/);
    const zipped = gzipSync(idx([300, 2, 1], counting(600)));
    assert.match(await refused(zipped.subarray(0, zipped.length - 20)), /cut short: its header says 300 x 2 x 1/);
    zipped[zipped.length - 40]! ^= 0xff;
    assert.match(await refused(zipped), /cannot read .*images: /);
  }));

test("as many labels as images are wanted, in a file of labels", () =>
  inTemporaryFolder(async (root) => {
    const images = path.join(root, "t-images-idx3-ubyte");
    const labels = path.join(root, "t-labels-idx1-ubyte");
    await writeFile(images, idx([3, 2, 1], counting(6)));
    await writeFile(labels, idx([2], [0, 1]));
    await expectRejection(openSource(images), DataError, /2 labels, but .* has 3 images/);
    await expectRejection(
      openSource(images, { labels: images }),
      DataError,
      /no IDX file of labels: it starts with 0x00000803/,
    );
    await expectRejection(openSource(images, { labels: path.join(root, "gone") }), DataError, /cannot read .*gone/);
  }));

test.run();
