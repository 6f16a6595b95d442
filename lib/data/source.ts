import { stat } from "node:fs/promises";
import { DataError } from "../errors.js";
import type { FileTable } from "./fileTable.js";
import { folderSource, singleImageSource } from "./folderSource.js";
import { idxSource } from "./idxSource.js";
import { hasImageExtension } from "./scan.js";

/** What a decoder starts from: a file, or 8-bit pixels in memory, [height, width, channels] row by row. */
export type ImageInput = { readonly file: string } | Pixels;

/** 8-bit sRGB or grey pixels in memory: [height, width, channels], rows top to bottom, channels interleaved. */
export type Pixels = {
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: 1 | 3;
};

/** Images in a fixed order, as much of them as reading needs. */
export type ReadableImages = {
  readonly path: string;
  /** Number of images, at least 1. */
  readonly count: number;
  /** Class of image `i`, -1 where unknown. */
  label(i: number): number;
  /** Name of image `i` in messages and files: its path below `path` with `/`, or `file[i]` in an IDX file. */
  name(i: number): string;
  input(i: number): ImageInput;
};

/** A set of images in a fixed order, the same on every machine. */
export type ImageSource = ReadableImages & {
  /** `folder`: images without labels; `classes`: one folder a class; `idx`: one IDX file. */
  readonly kind: "folder" | "classes" | "idx";
  /** Names of labels 0, 1, ...; absent when there are no labels. */
  readonly classNames?: readonly string[];
  /** What was found and left aside. */
  readonly ignored: Ignored;
  /** The same images as data that another thread can read them by; absent where they lie in memory. */
  readonly files?: FileTable;
};

export type Ignored = {
  /** Files whose extension is not one of an image; hidden files are not counted. */
  readonly files: number;
  /** Those of them that have the extension of a picture in a format that is not read. */
  readonly pictures: number;
  /** Folders beside the images or class folders that hold no image. */
  readonly folders: readonly string[];
};

/**
 * Opens a folder of class folders, a folder of images, one image, or an IDX file (plain or gzipped).
 *
 * Classes are the folders that hold images at any depth, sorted by name; files are sorted by name within each folder.
 * Sorting is by UTF-16 code units, so no locale changes the order. Hidden files and folders are skipped.
 * @param options.labels IDX file of labels; default: the file beside `images-idx3` called `labels-idx1`, if it is there
 * @throws DataError when the path is missing, holds no images, mixes images and class folders, or is a damaged IDX file
 */
export async function openSource(source: string, options: { labels?: string | undefined } = {}): Promise<ImageSource> {
  const found = await stat(source).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === "ENOENT" ? "no such file or folder" : error.message;
    throw new DataError(`cannot open data ${source}: ${reason}`, { cause: error });
  });
  if (!found.isDirectory() && !hasImageExtension(source)) return await idxSource(source, options.labels);
  if (options.labels !== undefined)
    throw new DataError(
      `a labels file goes with an IDX file of images, but ${source} is not one; class folders label the rest`,
    );
  return found.isDirectory() ? await folderSource(source) : singleImageSource(source);
}
