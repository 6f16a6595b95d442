/** Labels are class ids in 0..classes-1; `indices` are rows of the references (`nearestNeighbours`). */
export type NearestClassOptions = {
  readonly indices: Int32Array;
  readonly referenceLabels: ArrayLike<number>;
  /** The class that each query was meant to show, [Q]. */
  readonly wantedLabels: ArrayLike<number>;
  readonly classes: number;
};

export type NearestClassShare = {
  /** Share of all queries, 0..1. */
  readonly overall: number;
  /** Share within each wanted class, [classes]; null where no query wants that class. */
  readonly perClass: readonly (number | null)[];
};

/**
 * Share of queries whose nearest reference has the class they were meant to show: a plain check that
 * class-conditional samples show their class.
 * @throws RangeError when there are no queries, their labels are too few or many, or a label or index does not exist
 */
export function nearestClassShare(options: NearestClassOptions): NearestClassShare {
  const { indices, referenceLabels, wantedLabels, classes } = options;
  const Q = indices.length;
  if (Q === 0 || wantedLabels.length !== Q)
    throw new RangeError(
      `nearestClassShare: want one label a query and at least one, got ${wantedLabels.length} for ${Q}`,
    );
  const asked = new Int32Array(classes);
  const right = new Int32Array(classes);
  for (let q = 0; q < Q; q++) {
    const wanted = wantedLabels[q]!;
    const got = referenceLabels[indices[q]!];
    if (!(wanted in asked)) throw new RangeError(`nearestClassShare: query ${q} wants class ${wanted} of ${classes}`);
    if (got === undefined) throw new RangeError(`nearestClassShare: there is no label for reference ${indices[q]}`);
    asked[wanted]!++;
    if (got === wanted) right[wanted]!++;
  }
  return {
    overall: right.reduce((sum, count) => sum + count, 0) / Q,
    perClass: Array.from(asked, (count, c) => (count === 0 ? null : right[c]! / count)),
  };
}
