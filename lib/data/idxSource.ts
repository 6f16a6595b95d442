import { stat } from "node:fs/promises";
import path from "node:path";
import { DataError } from "../errors.js";
import { readClassNames } from "./classNames.js";
import { IDX_IMAGES, IDX_LABELS, readIdx } from "./idx.js";
import type { ImageSource } from "./source.js";

/**
 * The images of an IDX file [N, H, W] (grey) or [N, H, W, C] with C 1 or 3, held in memory, and their labels. A file
 * `classes.txt` beside it names the classes, one a line.
 * @param labelsFile IDX file of N labels; default: the one beside it, if there is one
 * @throws DataError when a file is damaged or of another kind, or the numbers of images and labels differ
 */
export async function idxSource(file: string, labelsFile?: string): Promise<ImageSource> {
  const { count, height, width, channels, data } = await readImages(file);
  const beside = labelsFile ?? (await labelsBeside(file));
  const labels = beside === undefined ? undefined : await readLabels(beside, file, count);
  const bytes = height * width * channels;
  const base = path.basename(file);
  return {
    path: file,
    kind: "idx",
    count,
    ...(labels ? { classNames: await namesOf(labels, path.join(path.dirname(file), NAMES_FILE)) } : {}),
    ignored: { files: 0, pictures: 0, folders: [] },
    label: (i) => labels?.[i] ?? -1,
    name: (i) => `${base}[${i}]`,
    input: (i) => ({ pixels: data.subarray(i * bytes, (i + 1) * bytes), width, height, channels }),
  };
}

type IdxImages = { count: number; height: number; width: number; channels: 1 | 3; data: Uint8Array };

async function readImages(file: string): Promise<IdxImages> {
  const { dims, data } = await readIdx(file, IDX_IMAGES);
  const [count = 0, height = 0, width = 0, channels = 1] = dims;
  if (data.length === 0) throw new DataError(`${file} holds no images: its dimensions are ${dims.join(" x ")}`);
  if (channels !== 1 && channels !== 3)
    throw new DataError(
      `${file} has ${channels} channels (dimensions ${dims.join(" x ")}): want images x rows x columns x 1 or 3`,
    );
  return { count, height, width, channels, data };
}

async function readLabels(file: string, images: string, count: number): Promise<Uint8Array> {
  const { data } = await readIdx(file, IDX_LABELS);
  if (data.length !== count)
    throw new DataError(
      `${file} has ${data.length} labels, but ${images} has ${count} images: they do not belong together`,
    );
  return data;
}

/** The labels file that goes with `train-images-idx3-ubyte.gz` by name, gzipped or not, if it exists. */
async function labelsBeside(file: string): Promise<string | undefined> {
  const base = path.basename(file);
  const name = base.replace(/images([-.])idx[34]/, "labels$1idx1");
  if (name === base) return undefined;
  const other = name.endsWith(".gz") ? name.slice(0, -3) : `${name}.gz`;
  for (const candidate of [name, other]) {
    const full = path.join(path.dirname(file), candidate);
    if (await exists(full)) return full;
  }
  return undefined;
}

const NAMES_FILE = "classes.txt";

/** Names from the file if it is there, else "0", "1", ... up to the largest label: the format has no names. */
async function namesOf(labels: Uint8Array, file: string): Promise<string[]> {
  const count = labels.reduce((most, label) => Math.max(most, label), 0) + 1;
  if (await exists(file)) return readClassNames(file, count);
  return Array.from({ length: count }, (_, i) => String(i));
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
