/** The loader alone: files decoded, resized, cropped and mirrored at random, put into batches; nothing is kept decoded. */
import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { openLoader } from "../data/loader.js";
import { openSource } from "../data/source.js";
import { type Means, type Prepared, SEED } from "./measurement.js";
import { writePictures } from "./pictures.js";

const AUGMENT = { resize: "cover", crop: "random", cropScale: [1, 1.125], flip: true } as const;

/**
 * A batch of `data`, or of pictures made for the purpose in a temporary folder.
 * @throws DataError when `data` holds no images that can be read
 */
export async function loading({ size, data }: Means): Promise<Prepared> {
  const made = data === undefined ? await temporaryFolder() : undefined;
  try {
    if (made) await writePictures(made.folder, size.pictures, SEED);
    const { imageSize, channels = 3 } = size.stage1;
    const batchSize = size.pictureBatch;
    const batches = openLoader({
      source: await openSource(data ?? made!.folder),
      view: { size: imageSize, channels },
      augment: AUGMENT,
      batchSize,
      seed: SEED,
      cacheBytes: 0,
    });
    const close = async () => {
      await batches.close();
      made?.remove();
    };
    return { run: () => batches.next(), items: batchSize, unit: "images", close };
  } catch (error) {
    made?.remove();
    throw error;
  }
}

/** A folder that is also removed when the process ends before `remove` was called. */
async function temporaryFolder(): Promise<{ folder: string; remove: () => void }> {
  const folder = await mkdtemp(path.join(tmpdir(), "vitvq-pictures-"));
  const remove = () => rmSync(folder, { recursive: true, force: true });
  process.once("exit", remove);
  return {
    folder,
    remove: () => {
      process.removeListener("exit", remove);
      remove();
    },
  };
}
