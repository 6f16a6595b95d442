import { readdir, realpath, stat } from "node:fs/promises";
import path from "node:path";
import { DataError } from "../errors.js";
import { type FileTable, shared } from "./fileTable.js";

/** Extensions of image files, in lower case; what the file really is, the decoder finds from its content. */
export const IMAGE_EXTENSIONS = [".png", ".jpg", ".jpeg", ".webp", ".avif", ".tif", ".tiff", ".gif"] as const;

const known: ReadonlySet<string> = new Set(IMAGE_EXTENSIONS);

/** Extensions of pictures that are not read; vector graphics and raw photographs often lie beside the images made of them. */
const UNREAD: ReadonlySet<string> = new Set(".bmp .heic .heif .jfif .jp2 .jxl .pgm .ppm .tga".split(" "));

const extensionOf = (name: string): string => path.extname(name).toLowerCase();

export const hasImageExtension = (name: string): boolean => known.has(extensionOf(name));

/** One folder's own entries, sorted by name, hidden ones left out. */
export type Folder = {
  readonly images: readonly string[];
  readonly folders: readonly Subfolder[];
  /** Number of files without an image extension, and the first of them. */
  readonly others: number;
  readonly firstOther: string | undefined;
  /** Number of those that are pictures in a format that is not read. */
  readonly otherPictures: number;
};

export type Subfolder = { readonly name: string; readonly linked: boolean };

/** Gathers the images below a folder. A folder's names become bytes as they come, so that a million of them fit in memory. */
export class ImageList {
  readonly #folders: string[] = [];
  readonly #folderOf: number[] = [];
  readonly #names: Buffer[] = [];
  readonly #ends: number[] = [];
  otherFiles = 0;
  otherPictures = 0;

  get count(): number {
    return this.#ends.length;
  }

  /** Adds a folder's own images under `relative`, its path below the root with `/` ("" for the root itself). */
  add(folder: Folder, relative: string): void {
    this.otherFiles += folder.others;
    this.otherPictures += folder.otherPictures;
    if (folder.images.length === 0) return;
    const at = this.#folders.push(relative) - 1;
    let end = this.#ends.at(-1) ?? 0;
    for (const name of folder.images) {
      end += Buffer.byteLength(name);
      this.#folderOf.push(at);
      this.#ends.push(end);
    }
    this.#names.push(Buffer.from(folder.images.join("")));
  }

  /** All images so far, below `root`; `labels` are their classes, if they have any. */
  table(root: string, labels?: readonly number[]): FileTable {
    return {
      root,
      folders: this.#folders,
      folderOf: shared(Uint32Array, this.#folderOf),
      names: shared(Uint8Array, Buffer.concat(this.#names)),
      ends: shared(Uint32Array, this.#ends),
      ...(labels ? { labels: shared(Int32Array, labels) } : {}),
    };
  }
}

/**
 * Lists one folder. Links are followed; a broken link with an image's name counts as an image, so that reading it
 * fails with its name.
 * @throws DataError when the folder cannot be listed
 */
export async function listFolder(folder: string): Promise<Folder> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: Error) => {
    throw new DataError(`cannot list folder ${folder}: ${error.message}`, { cause: error });
  });
  const images: string[] = [];
  const folders: Subfolder[] = [];
  const others: string[] = [];
  for (const entry of entries) {
    if (entry.name.startsWith(".")) continue;
    const linked = entry.isSymbolicLink();
    const isFolder = linked ? await linksToFolder(path.join(folder, entry.name)) : entry.isDirectory();
    if (isFolder) folders.push({ name: entry.name, linked });
    else (hasImageExtension(entry.name) ? images : others).push(entry.name);
  }
  folders.sort((a, b) => (a.name < b.name ? -1 : 1));
  const firstOther = others.sort()[0];
  const otherPictures = others.filter((name) => UNREAD.has(extensionOf(name))).length;
  return { images: images.sort(), folders, others: others.length, otherPictures, firstOther };
}

/**
 * Adds every image at any depth below `sub`, a folder of `root`, to `list`: a folder's own images, then its folders in
 * turn, all by name. A link back to a folder that holds it is not followed.
 */
export async function addTree(list: ImageList, root: string, sub: Subfolder): Promise<void> {
  const walk = async (relative: string, { name, linked }: Subfolder, trail: readonly string[]): Promise<void> => {
    const folder = path.join(root, relative);
    const real = linked ? await realpath(folder) : path.join(trail.at(-1)!, name);
    if (trail.includes(real)) return;
    const listed = await listFolder(folder);
    list.add(listed, relative);
    for (const next of listed.folders) await walk(`${relative}/${next.name}`, next, [...trail, real]);
  };
  await walk(sub.name, sub, [await realpath(root)]);
}

async function linksToFolder(link: string): Promise<boolean> {
  const target = await stat(link).catch(() => undefined);
  return target?.isDirectory() ?? false;
}
