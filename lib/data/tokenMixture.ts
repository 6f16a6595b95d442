/** Several token files as one set of images, each with its own views, classes and held-out images. */
import { streamSeed, uniformAt } from "../random.js";
import { numbersWithout } from "./holdOut.js";
import { interleave } from "./interleave.js";
import { trainingOrder } from "./order.js";
import type { TokenRows } from "./tokens.js";

export type TokenPart = {
  readonly tokens: TokenRows;
  /** The class of each label of the file; the labels themselves when absent. */
  readonly classes?: Int32Array | undefined;
  /** Images that training never sees, in the order in which they are scored; none when absent. */
  readonly held?: Uint32Array | undefined;
};

/** One row of one of the parts. */
export type TokenPick = { readonly part: number; readonly row: number };

export type MixtureOptions = {
  readonly seed: number;
  /** Share of the draws that each part gets, of any sum; in proportion to their images when absent. */
  readonly weights?: readonly number[] | undefined;
};

/** Images of a part that training sees. */
export function imagesToTrain({ tokens, held }: TokenPart): number {
  return imagesOf(tokens) - (held?.length ?? 0);
}

/**
 * The order of training over all parts, in which any position can be found without the ones before.
 *
 * Without weights the images of all parts together are shuffled anew every epoch, each coming once. With weights
 * the parts take turns by `interleave`, each shuffled for itself. Of an image with several views one is drawn every time
 * (stream "view", epoch, part).
 * @throws RangeError when a part's rows are no whole images
 */
export function mixtureOrder(
  parts: readonly TokenPart[],
  { seed, weights }: MixtureOptions,
): (position: number) => TokenPick {
  const pickers = parts.map((part, index) => rowPicker(part, { seed, index }));
  if (weights) {
    const share = interleave(weights);
    const orders = parts.map((part, index) => trainingOrder(imagesToTrain(part), streamSeed(seed, "part", index)));
    return (position) => {
      const { part, place } = share(position);
      const { epoch, index } = orders[part]!(place);
      return { part, row: pickers[part]!(index, epoch) };
    };
  }
  const counts = parts.map(imagesToTrain);
  const order = trainingOrder(
    counts.reduce((sum, count) => sum + count, 0),
    seed,
  );
  return (position) => {
    const { epoch, index } = order(position);
    let [part, place] = [0, index];
    while (place >= counts[part]!) place -= counts[part++]!;
    return { part, row: pickers[part]!(place, epoch) };
  };
}

/** Rows to score: every held-out image's first view, the parts in proportion, then their second views, and so on. */
export function heldOutRows(parts: readonly TokenPart[]): { readonly count: number; at(i: number): TokenPick } {
  const counts = parts.map(({ held }) => held?.length ?? 0);
  const images = counts.reduce((sum, count) => sum + count, 0);
  const views = parts.map(({ tokens }) => tokens.viewsPerImage ?? 1);
  const share = interleave(counts);
  return {
    count: images * Math.max(...views),
    at: (i) => {
      const { part, place } = share(i % images);
      return { part, row: parts[part]!.held![place]! * views[part]! + (Math.floor(i / images) % views[part]!) };
    },
  };
}

/** Codes [n, T] and classes [n] (-1 where unknown) of rows of any parts, in the order asked for. */
export async function readPicks(
  parts: readonly TokenPart[],
  picks: readonly TokenPick[],
): Promise<{ codes: Int32Array; labels: Int32Array }> {
  const T = parts[0]!.tokens.tokensPerImage;
  const codes = new Int32Array(picks.length * T);
  const labels = new Int32Array(picks.length);
  const readFrom = async ({ tokens, classes }: TokenPart, part: number): Promise<void> => {
    const places = [...picks.keys()].filter((i) => picks[i]!.part === part);
    if (places.length === 0) return;
    const rows = await tokens.read(Int32Array.from(places, (i) => picks[i]!.row));
    for (const [at, i] of places.entries()) {
      codes.set(rows.subarray(at * T, (at + 1) * T), i * T);
      const label = tokens.labels?.[picks[i]!.row] ?? -1;
      labels[i] = classes ? (classes[label] ?? -1) : label;
    }
  };
  await Promise.all(parts.map(readFrom));
  return { codes, labels };
}

function imagesOf({ count, viewsPerImage = 1 }: TokenRows): number {
  const images = count / viewsPerImage;
  if (Number.isInteger(images)) return images;
  throw new RangeError(`tokens: want ${viewsPerImage} rows an image, got ${count} rows`);
}

/** The row of the i-th image to train on, its view drawn for the epoch. */
function rowPicker({ tokens, held }: TokenPart, { seed, index }: { seed: number; index: number }) {
  const views = tokens.viewsPerImage ?? 1;
  const imageAt = held ? numbersWithout(held.toSorted()) : (i: number) => i;
  return (i: number, epoch: number): number => {
    const image = imageAt(i);
    if (views === 1) return image;
    return image * views + Math.floor(uniformAt(image, streamSeed(seed, "view", epoch, index)) * views);
  };
}
