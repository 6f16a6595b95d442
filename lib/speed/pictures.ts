/** Image files to load, made up: smooth colours with some noise on them, about as large in bytes as photographs. */
import path from "node:path";
import { makeFolder } from "../files/atomic.js";
import { type Rng, rngFrom } from "../random.js";
import { loadSharp } from "../sharp.js";

/** JPEG files of one size. */
export type PictureSize = { readonly width: number; readonly height: number; readonly count: number };

const [CELL, NOISE, QUALITY] = [16, 10, 90]; // pixels, levels, of 100

/** Writes pictures that depend on nothing but the seed into a folder, which is made. */
export async function writePictures(folder: string, size: PictureSize, seed: number): Promise<void> {
  const sharp = await loadSharp();
  const { width, height, count } = size;
  await makeFolder(folder);
  const rng = rngFrom(seed);
  const noise = Float32Array.from({ length: 2 * 3 * width * height }, () => NOISE * rng.normal());
  const coarse = { width: Math.ceil(width / CELL), height: Math.ceil(height / CELL), channels: 3 as const };
  for (let i = 0; i < count; i++) {
    const colours = Buffer.from(randomBytes(rng, coarse.width * coarse.height * 3));
    const smooth = sharp(colours, { raw: coarse }).resize({ width, height, fit: "fill", kernel: "cubic" });
    const pixels = new Uint8ClampedArray(await smooth.raw().toBuffer());
    const from = rng.integer(noise.length - pixels.length);
    for (let j = 0; j < pixels.length; j++) pixels[j]! += noise[from + j]!;
    const picture = sharp(pixels, { raw: { width, height, channels: 3 } }).jpeg({ quality: QUALITY });
    await picture.toFile(path.join(folder, `${String(i).padStart(4, "0")}.jpg`));
  }
}

function randomBytes(rng: Rng, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => rng.integer(256));
}
