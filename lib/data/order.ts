import { permutation, streamSeed } from "../random.js";

/** The `position`-th draw of an endless run over `count` items, in a new order every epoch. */
export type Draw = { readonly epoch: number; readonly index: number };

/**
 * The order of training: position p lies in epoch floor(p / count), whose order is a permutation of its own
 * (stream "order"), so that each item comes once an epoch and any position can be found without the ones before.
 */
export function trainingOrder(count: number, seed: number): (position: number) => Draw {
  const kept = new Map<number, Uint32Array>();
  return (position) => {
    const epoch = Math.floor(position / count);
    let order = kept.get(epoch);
    if (!order) {
      kept.delete(epoch - 2); // positions are asked for in order: only a change of epoch needs two at once
      order = permutation(count, streamSeed(seed, "order", epoch));
      kept.set(epoch, order);
    }
    return { epoch, index: order[position % count]! };
  };
}
