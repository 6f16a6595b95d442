import path from "node:path";
import type { ReadableImages } from "./source.js";

/** Image files as plain data on shared memory: another thread takes it without a copy, however many files there are. */
export type FileTable = {
  /** The folder that names start from. */
  readonly root: string;
  /** Folders below it with images of their own, with `/` on every system; "" is the root itself. */
  readonly folders: readonly string[];
  /** By file, its place in `folders`. */
  readonly folderOf: Uint32Array;
  /** Names inside folders, UTF-8, one right after the other. */
  readonly names: Uint8Array;
  /** By file, where its name ends in `names`. */
  readonly ends: Uint32Array;
  /** By file, its class; absent when there are none. */
  readonly labels?: Int32Array;
  /** The files that count, by their number in all of the above; all if absent. */
  readonly places?: Uint32Array;
};

/** The images that a table lists. */
export function imagesOf(table: FileTable): ReadableImages {
  const { root, folderOf, labels, places } = table;
  const at = (i: number): number => (places ? places[i]! : i);
  return {
    path: root,
    count: (places ?? folderOf).length,
    label: (i) => labels?.[at(i)] ?? -1,
    name: (i) => nameAt(table, at(i)),
    input: (i) => ({ file: path.join(root, nameAt(table, at(i))) }),
  };
}

/** The table with only the files at some places of it. */
export function thinnedTable(table: FileTable, places: ArrayLike<number>): FileTable {
  const { places: among } = table;
  return {
    ...table,
    places: shared(
      Uint32Array,
      Uint32Array.from(places, (place) => among?.[place] ?? place),
    ),
  };
}

type SharedArray<T> = { new (memory: SharedArrayBuffer): T; readonly BYTES_PER_ELEMENT: number };

/** Numbers on memory that threads share. */
export function shared<T extends Uint8Array | Uint32Array | Int32Array>(
  type: SharedArray<T>,
  values: ArrayLike<number>,
): T {
  const array = new type(new SharedArrayBuffer(values.length * type.BYTES_PER_ELEMENT));
  array.set(values);
  return array;
}

/** Path of a file below the root, with `/` on every system. */
function nameAt({ folders, folderOf, names, ends }: FileTable, file: number): string {
  const from = file === 0 ? 0 : ends[file - 1]!;
  const name = Buffer.from(names.buffer, from, ends[file]! - from).toString();
  const folder = folders[folderOf[file]!]!;
  return folder === "" ? name : `${folder}/${name}`;
}
