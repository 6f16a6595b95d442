/** Images as files. */
import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { writeAtomically } from "../../lib/files/atomic.js";
import { loadSharp } from "../../lib/sharp.js";

export type ImageSize = { readonly height: number; readonly width: number; readonly channels: 1 | 3 };

/** Writes one image [H, W, C] in [0, 1] as PNG, 8 bits a channel, rounded to the nearest level. */
export async function writeImage(file: string, image: Float32Array, size: ImageSize): Promise<void> {
  const sharp = await loadSharp();
  const { height, width, channels } = size;
  const bytes = Buffer.from(toBytes(image).buffer);
  const picture = sharp(bytes, { raw: { width, height, channels } });
  const coloured = channels === 1 ? picture.toColourspace("b-w") : picture; // else grey is stored as RGB
  await writeAtomically(file, await coloured.png().toBuffer());
}

/** [0, 1] as 0..255. */
export function toBytes(image: Float32Array): Uint8Array {
  return Uint8Array.from(image, (value) => Math.round(Math.min(1, Math.max(0, value)) * 255));
}

/** 000017.png */
export function numberedName(index: number): string {
  return `${String(index).padStart(6, "0")}.png`;
}

/** Removes the files in a folder that have a numbered name, or one of the others given. */
export async function removeNumbered(folder: string, others: readonly string[] = []): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true }))
    if (entry.isFile() && (/^\d{6,}\.png$/.test(entry.name) || others.includes(entry.name)))
      await rm(path.join(folder, entry.name));
}
