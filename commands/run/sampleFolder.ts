/** The folder that `sample` writes, read back as a set of labelled images. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import type { ImageSource } from "../../lib/data/source.js";
import { DataError, FileError } from "../../lib/errors.js";
import { loadSharp } from "../../lib/sharp.js";

export type SampleFolder = {
  /** Labels are class ids, -1 for samples without a class. */
  readonly source: ImageSource;
  /** Side and channels of the samples. */
  readonly size: number;
  readonly channels: 1 | 3;
};

/** One sample as `index.json` describes it. */
type Entry = { readonly file: string; readonly class: number | null; readonly className?: string | null };

/**
 * Reads `index.json` of a folder of samples, and from the first sample what size they have.
 * @throws FileError when there is no index or it is damaged; DataError when it lists nothing, or no square images
 */
export async function openSampleFolder(folder: string): Promise<SampleFolder> {
  const entries = await readIndex(path.join(folder, "index.json"));
  const [first] = entries;
  if (!first) throw new DataError(`${folder}: its index.json lists no samples; draw some with \`vitvq sample\``);
  const names: string[] = [];
  for (const { class: label, className } of entries) if (label !== null) names[label] = className ?? String(label);
  const source: ImageSource = {
    path: folder,
    kind: "folder",
    count: entries.length,
    ...(names.length > 0 ? { classNames: Array.from(names, (name, i) => name ?? String(i)) } : {}),
    ignored: { files: 0, pictures: 0, folders: [] },
    label: (i) => entries[i]?.class ?? -1,
    name: (i) => entries[i]!.file,
    input: (i) => ({ file: path.join(folder, entries[i]!.file) }),
  };
  return { source, ...(await measure(path.join(folder, first.file))) };
}

async function readIndex(file: string): Promise<readonly Entry[]> {
  const text = await readFile(file, "utf8").catch((error: Error) => {
    throw new FileError(`${file}: cannot be read: ${error.message}; name a folder that \`vitvq sample\` wrote`, {
      cause: error,
    });
  });
  let index: unknown;
  try {
    index = JSON.parse(text);
  } catch (error) {
    throw new FileError(`${file}: damaged: not JSON`, { cause: error });
  }
  const images = (index as { images?: unknown } | null)?.images;
  if (!Array.isArray(images) || !images.every(isEntry))
    throw new FileError(`${file}: want { images: [{ file, class }, ...] } as \`vitvq sample\` writes it`);
  return images;
}

function isEntry(value: unknown): value is Entry {
  if (typeof value !== "object" || value === null) return false;
  const { file, class: label } = value as Partial<Entry>;
  const hasClass = label === null || (typeof label === "number" && Number.isInteger(label) && label >= 0);
  return typeof file === "string" && path.basename(file) === file && hasClass;
}

async function measure(file: string): Promise<{ size: number; channels: 1 | 3 }> {
  const sharp = await loadSharp();
  const { width, height, channels } = await sharp(file)
    .metadata()
    .catch((error: Error) => {
      throw new DataError(`cannot read sample ${file}: ${error.message}`, { cause: error });
    });
  if (width !== height) throw new DataError(`${file}: want square samples, got ${width} x ${height}`);
  return { size: width, channels: channels < 3 ? 1 : 3 };
}
