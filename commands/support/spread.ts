/** A few images out of many, spread over the classes: what a picture shows of a set that does not fit in memory. */

export type Shown<T> = { readonly label: number; readonly item: T };

export type Spread<T> = {
  /** Offers the next image; `make` is called only if it is kept. */
  offer(label: number, make: () => T): void;
  /** What was kept: the first of each class in order of labels, then the second of each, and so on. */
  items(): Shown<T>[];
};

/** Keeps at most `capacity` items, the first ones of each class, as evenly over the classes as the set allows. */
export function createSpread<T>(capacity: number): Spread<T> {
  const classes = new Map<number, T[]>();
  let kept = 0;
  return {
    offer(label, make) {
      const own = classes.get(label) ?? [];
      if (kept === capacity) {
        const fullest = [...classes.values()].reduce((a, b) => (b.length > a.length ? b : a));
        if (fullest.length <= own.length + 1) return;
        fullest.pop();
        kept--;
      }
      own.push(make());
      classes.set(label, own);
      kept++;
    },
    items() {
      const sorted = [...classes].sort(([a], [b]) => a - b);
      const rounds = Math.max(0, ...sorted.map(([, items]) => items.length));
      return Array.from({ length: rounds }, (_, round) =>
        sorted.filter(([, items]) => round < items.length).map(([label, items]) => ({ label, item: items[round]! })),
      ).flat();
    },
  };
}
