import { streamSeed, uniformAt } from "../random.js";
import { thinnedTable } from "./fileTable.js";
import type { ImageSource } from "./source.js";

/**
 * `count` of the places 0..among-1, ascending, one at random out of each of as many equal parts: a set sorted by class
 * keeps its shares of classes, and so does one whose classes take turns, of which every tenth would be of one class.
 * Always the same for the same numbers; all places where there are no more.
 */
export function spreadPlaces(count: number, among: number): number[] {
  const taken = Math.min(count, among);
  const seed = streamSeed(0, "spread places");
  return Array.from({ length: taken }, (_, i) => {
    const from = Math.floor((i * among) / taken);
    const to = Math.floor(((i + 1) * among) / taken);
    return from + Math.floor(uniformAt(i, seed) * (to - from));
  });
}

/** The images of a source at some places. */
export function thinned(source: ImageSource, places: ArrayLike<number>): ImageSource {
  return {
    ...source,
    count: places.length,
    label: (i) => source.label(places[i]!),
    name: (i) => source.name(places[i]!),
    input: (i) => source.input(places[i]!),
    ...(source.files ? { files: thinnedTable(source.files, places) } : {}),
  };
}
