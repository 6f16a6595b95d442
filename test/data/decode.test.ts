import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import sharp, { type Sharp } from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { DamagedImage, decodeImage, decodeResized } from "../../lib/data/decode.js";
import { centredView, type View } from "../../lib/data/view.js";
import { expectClose, expectRejection, fixture, inTemporaryFolder } from "../support.js";

const test = suite("decoding");

type Rgb = readonly [number, number, number];
const colour: Rgb = [200, 100, 50];
const rgb = centredView({ size: 8, channels: 3 });
const grey = centredView({ size: 8, channels: 1 });

/** 24 x 16 pixels of one colour. */
const plain = (alpha?: number, [r, g, b] = colour): Sharp => {
  const background = alpha === undefined ? { r, g, b } : { r, g, b, alpha };
  return sharp({ create: { width: 24, height: 16, channels: alpha === undefined ? 3 : 4, background } });
};

/** The same in 16 bits a channel; `values` are in 0..255. */
function plain16(...values: number[]): Sharp {
  const pixels = Uint16Array.from({ length: 24 * 16 * values.length }, (_, i) => 257 * values[i % values.length]!);
  const channels = values.length as 1 | 3 | 4;
  return sharp(pixels, { raw: { width: 24, height: 16, channels } }).toColourspace(channels === 1 ? "grey16" : "rgb16");
}

/** Depth as sharp names it: "uchar" for 8 bits, "ushort" for 16. */
const depthOf = async (image: Sharp): Promise<string> => (await sharp(await image.toBuffer()).metadata()).depth;

/** Writes the image, decodes it and compares every pixel with one colour. */
async function expectColour(image: Sharp, name: string, want: Rgb, within: number, view: View = rgb): Promise<void> {
  await inTemporaryFolder(async (root) => {
    const file = path.join(root, name);
    await writeFile(file, await image.toBuffer());
    const got = await decodeImage({ file }, view);
    const wanted = Uint8Array.from({ length: 8 * 8 * 3 }, (_, i) => want[i % 3]!);
    expectClose(got, wanted, name, { absolute: within });
  });
}

test("every format gives its colour", async () => {
  await expectColour(plain().png(), "a.png", colour, 0);
  await expectColour(plain().png({ palette: true }), "palette.png", colour, 0);
  await expectColour(plain().tiff(), "a.tiff", colour, 1);
  await expectColour(plain().tiff({ compression: "lzw", tile: true }), "tiled.tif", colour, 0);
  await expectColour(plain().webp({ lossless: true }), "a.webp", colour, 0);
  await expectColour(plain().gif(), "a.gif", colour, 0);
  await expectColour(plain().jpeg({ quality: 95 }), "a.jpg", colour, 2);
  await expectColour(plain().avif({ quality: 90 }), "a.avif", colour, 2);
});

test("16-bit images become 8-bit without clipping", async () => {
  for (const deep of [plain16(...colour).png(), plain16(...colour).tiff({ compression: "lzw" }), plain16(120).png()])
    assert.is(await depthOf(deep), "ushort");
  await expectColour(plain16(...colour).png(), "rgb16.png", colour, 0);
  await expectColour(plain16(...colour).tiff({ compression: "lzw" }), "rgb16.tiff", colour, 0);
  await expectColour(plain16(120).png(), "grey16.png", [120, 120, 120], 0);
});

test("alpha shows the background, white unless told otherwise", async () => {
  const half = (value: number): number => Math.round((value + 255) / 2);
  const onWhite: Rgb = [half(colour[0]), half(colour[1]), half(colour[2])];
  await expectColour(plain(0.5).png(), "alpha.png", onWhite, 1);
  await expectColour(plain(0.5).webp({ lossless: true }), "alpha.webp", onWhite, 2);
  await expectColour(plain16(...colour, 127.5).png(), "alpha16.png", onWhite, 1);
  const grey = plain(0.5, [120, 120, 120]).toColourspace("b-w").png();
  await expectColour(grey, "grey-alpha.png", [half(120), half(120), half(120)], 1);
  await expectColour(plain(0).png(), "clear.png", [10, 20, 30], 0, { ...rgb, background: [10, 20, 30] });
});

test("CMYK and wide-gamut colours are converted to sRGB", async () => {
  const muted: Rgb = [150, 120, 90]; // within what the inks can print
  const cmyk = plain(undefined, muted).toColourspace("cmyk").jpeg({ quality: 98 });
  const { space } = await sharp(await cmyk.toBuffer()).metadata();
  assert.is(space, "cmyk");
  await expectColour(cmyk, "cmyk.jpg", muted, 12); // sharp writes and reads with different rendering intents
  const wide = plain().withIccProfile("p3").png();
  const stored = sharp(await wide.toBuffer(), { ignoreIcc: true });
  assert.is.not((await stored.raw().toBuffer())[0], colour[0]);
  await expectColour(wide, "p3.png", colour, 2);
});

test("16-bit images with a profile keep their colour, whatever their name", async () => {
  // sharp writes 16-bit values as they are, so this is (200, 100, 50) in Display P3, a stronger orange in sRGB:
  // linear light, the P3 and inverse sRGB matrices, gamma again give (214.9, 92.6, 31.0).
  const deep = plain16(...colour).withIccProfile("p3");
  const [png, tiff] = [deep.clone().png(), deep.clone().tiff({ compression: "lzw" })];
  const files = { "deep.png": png, "deep.tiff": tiff, "named.jpg": png, "named.webp": tiff };
  for (const [name, image] of Object.entries(files)) {
    assert.is(await depthOf(image), "ushort");
    await expectColour(image, name, [215, 93, 31], 1);
  }
});

test("grey files have three equal channels, colour files one luma", () =>
  inTemporaryFolder(async (root) => {
    await plain().toColourspace("b-w").jpeg().toFile(path.join(root, "grey.jpg"));
    const three = await decodeImage({ file: path.join(root, "grey.jpg") }, rgb);
    assert.is(three.length, 192);
    for (let i = 0; i < 192; i += 3) assert.ok(three[i] === three[i + 1] && three[i] === three[i + 2]);
    await plain().png().toFile(path.join(root, "colour.png"));
    const one = await decodeImage({ file: path.join(root, "colour.png") }, grey);
    assert.equal(one, new Uint8Array(64).fill(Math.round(0.299 * 200 + 0.587 * 100 + 0.114 * 50)));
  }));

test("EXIF orientation 6 is turned upright, before anything is cropped", () =>
  inTemporaryFolder(async (root) => {
    // Stored lying, 64 x 32: the left half red, the right half blue. Turned clockwise it is 32 x 64, red on top.
    const lying = Buffer.alloc(64 * 32 * 3);
    for (let i = 0; i < 64 * 32; i++) lying.set(i % 64 < 32 ? [255, 0, 0] : [0, 0, 255], 3 * i);
    const image = sharp(lying, { raw: { width: 64, height: 32, channels: 3 } }).withMetadata({ orientation: 6 });
    for (const name of ["turned.jpg", "turned.png"] as const) {
      const file = path.join(root, name);
      await image.clone().toFile(file);
      const whole = await decodeResized({ file }, rgb);
      assert.equal([whole.width, whole.height], [8, 16]);
      const got = await decodeImage({ file }, rgb);
      expectClose(got.subarray(0, 24 * 3), new Array(24).fill([255, 0, 0]).flat(), `${name}: top`, { absolute: 12 });
      expectClose(got.subarray(24 * 5), new Array(24).fill([0, 0, 255]).flat(), `${name}: bottom`, { absolute: 12 });
    }
  }));

test("cover crops the longer side, squash keeps all of it", () =>
  inTemporaryFolder(async (root) => {
    // Five vertical bands of 16 x 16: black, then white, white, white, then black.
    const bands = Buffer.alloc(80 * 16, 255);
    for (let i = 0; i < bands.length; i++) if (i % 80 < 16 || i % 80 >= 64) bands[i] = 0;
    const file = path.join(root, "bands.png");
    await sharp(bands, { raw: { width: 80, height: 16, channels: 1 } })
      .png()
      .toFile(file);
    const at = async (view: View): Promise<number[]> => [...(await decodeImage({ file }, view)).subarray(0, 8)];
    expectClose((await at(grey)).slice(1, 7), new Array(6).fill(255), "centre", { absolute: 2 });
    expectClose((await at({ ...grey, cropX: 0 })).slice(0, 6), new Array(6).fill(0), "left end", { absolute: 4 });
    const squashed = await at({ ...grey, resize: "squash", kernel: "linear" });
    assert.ok(squashed[0]! < 60 && squashed[7]! < 60 && squashed[3]! > 250 && squashed[4]! > 250);
  }));

test("the centred crop is the one that sharp makes itself", async () => {
  const file = fixture("photos-mini", "coffee.jpg");
  const tall = await sharp(file).resize(201, 148, { fit: "fill" }).png().toBuffer();
  await inTemporaryFolder(async (root) => {
    await writeFile(path.join(root, "tall.png"), tall);
    const got = await decodeImage({ file: path.join(root, "tall.png") }, centredView({ size: 64, channels: 3 }));
    const want = await sharp(tall).resize(64, 64, { fit: "cover", kernel: "lanczos3" }).raw().toBuffer();
    expectClose(got, want, "cover", { absolute: 2 });
  });
});

test("the kernel named is the one used, and shrinking does not alias", () =>
  inTemporaryFolder(async (root) => {
    const stripes = Buffer.from(Array.from({ length: 64 * 64 }, (_, i) => (i % 2) * 255));
    const file = path.join(root, "stripes.png");
    await sharp(stripes, { raw: { width: 64, height: 64, channels: 1 } })
      .png()
      .toFile(file);
    const smooth = await decodeImage({ file }, grey);
    for (const value of smooth) assert.ok(Math.abs(value - 128) < 12, `${value}`);
    const picked = await decodeImage({ file }, { ...grey, kernel: "nearest" });
    assert.ok(picked.every((value) => value === 0 || value === 255));
  }));

test("small images are enlarged, but not strips of any length", () =>
  inTemporaryFolder(async (root) => {
    const strip = async (width: number): Promise<string> => {
      const file = path.join(root, `strip${width}.png`);
      await sharp({ create: { width, height: 2, channels: 3, background: "#c86432" } })
        .png()
        .toFile(file);
      return file;
    };
    const got = await decodeResized({ file: await strip(20) }, rgb);
    assert.equal([got.width, got.height], [80, 8]);
    expectClose(got.pixels.subarray(0, 3), colour, "enlarged", { absolute: 1 });
    const { reason } = await expectRejection(decodeImage({ file: await strip(20_000) }, rgb), DamagedImage);
    assert.match(reason, /20000 x 2 pixels are too long and narrow/);
  }));

test("pixels of the right size pass through untouched, others are resized", async () => {
  const input = { pixels: Uint8Array.from({ length: 64 }, (_, i) => i), width: 8, height: 8, channels: 1 } as const;
  assert.is(await decodeResized(input, grey), input);
  assert.equal(await decodeImage(input, grey), input.pixels);
  const flat = { pixels: new Uint8Array(28 * 20).fill(77), width: 28, height: 20, channels: 1 } as const;
  assert.equal(await decodeImage(flat, grey), new Uint8Array(64).fill(77));
  assert.equal(await decodeImage(flat, { ...rgb, flip: true }), new Uint8Array(192).fill(77));
});

test("damaged files of every kind are refused with a reason, whatever the crop", () =>
  inTemporaryFolder(async (root) => {
    const reasonFor = async (name: string, content?: Uint8Array): Promise<string> => {
      const file = path.join(root, name);
      if (content) await writeFile(file, content);
      const { message, reason } = await expectRejection(decodeImage({ file }, { ...rgb, cropY: 0 }), DamagedImage);
      assert.ok(message.includes(file));
      return reason;
    };
    const whole = await readFile(fixture("photos-mini", "coffee.jpg"));
    const tall = sharp(whole).resize(40, 256, { fit: "fill" });
    const cut = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, Math.floor(bytes.length * 0.9));
    assert.match(await reasonFor("cut.jpg", cut(whole)), /premature end/);
    assert.match(await reasonFor("cut.png", cut(await tall.clone().png().toBuffer())), /read error/);
    assert.match(
      await reasonFor("laced.png", cut(await tall.clone().png({ progressive: true }).toBuffer())),
      /damaged/,
    );
    assert.match(await reasonFor("cut.webp", cut(await tall.clone().webp().toBuffer())), /webp/);
    assert.match(await reasonFor("cut.avif", cut(await tall.clone().avif().toBuffer())), /^(?!.*seek).*end of file/);
    assert.ok(await reasonFor("cut.tiff", cut(await tall.clone().tiff().toBuffer())));
    assert.is(await reasonFor("empty.png", new Uint8Array(0)), "the file is empty");
    assert.is(await reasonFor("text.png", Buffer.from("not an image")), "not an image of a format that is read");
    assert.is(await reasonFor("gone.png"), "the file is missing");
    await mkdir(path.join(root, "folder.png"));
    assert.ok(await reasonFor("folder.png"));
  }));

test("a view out of range is a mistake of the caller, not a damaged image", async () => {
  const file = fixture("photos-mini", "cat.jpg");
  await expectRejection(decodeImage({ file }, { ...rgb, shorterSide: 4 }), RangeError);
});

test.run();
