/** What the nearest training images say of a set of images. */
import type { ImageSource } from "../../lib/data/source.js";
import { DataError } from "../../lib/errors.js";
import { nearestClassShare } from "../../lib/metrics/nearestClass.js";
import type { Found } from "./neighbourSearch.js";

export type SetScores = {
  readonly images: number;
  /** Share of the images with a class whose nearest training image has that class; null without classes. */
  readonly nearestClassShare: number | null;
  /** The same within each class that the images show. */
  readonly perClass: readonly ClassScore[];
  /** Root mean square of the pixel gaps to the nearest training image, pixels in [0, 1]: mean and least of the set. */
  readonly meanDistance: number;
  readonly minDistance: number;
  /** Images whose distance is at most the copy distance. */
  readonly copies: number;
};

export type ClassScore = {
  /** Label among the training images. */
  readonly class: number;
  readonly className: string;
  readonly images: number;
  readonly nearestClassShare: number;
};

export type ScoreSetOptions = {
  readonly source: ImageSource;
  /** Places of the images in `source`, [Q]. */
  readonly indices: Int32Array;
  readonly nearest: Found;
  readonly reference: ImageSource;
  readonly copyDistance: number;
};

/** @throws DataError when there are no images */
export function scoreSet({ source, indices, nearest, reference, copyDistance }: ScoreSetOptions): SetScores {
  const images = indices.length;
  if (images === 0) throw new DataError(`${source.path}: no image could be read`);
  const { distances } = nearest;
  return {
    images,
    ...classScores({ source, indices, nearest, reference }),
    meanDistance: distances.reduce((sum, distance) => sum + distance, 0) / images,
    minDistance: distances.reduce((a, b) => Math.min(a, b)),
    copies: distances.reduce((count, distance) => count + (distance <= copyDistance ? 1 : 0), 0),
  };
}

/**
 * Classes are matched by name, since two sets may number them differently.
 * @throws DataError when `source` has a class that `reference` lacks
 */
export function expectKnownClasses(source: ImageSource, reference: ImageSource): void {
  if (!reference.classNames) return;
  for (let i = 0; i < source.count; i++) {
    const label = source.label(i);
    if (label < 0 || referenceLabel(source, label, reference) >= 0) continue;
    const known = reference.classNames.slice(0, 20).join(", ");
    throw new DataError(
      `${source.path}: ${source.name(i)} is of class "${source.classNames?.[label] ?? label}", which ${reference.path} ` +
        `lacks (it has ${known}); give the images that were trained on`,
    );
  }
}

function classScores({ source, indices, nearest, reference }: Omit<ScoreSetOptions, "copyDistance">) {
  const classes = reference.classNames?.length ?? 0;
  const wanted = Array.from(indices, (index) => referenceLabel(source, source.label(index), reference));
  const asked = [...wanted.keys()].filter((q) => wanted[q]! >= 0);
  if (classes === 0 || asked.length === 0) return { nearestClassShare: null, perClass: [] };
  const wantedLabels = asked.map((q) => wanted[q]!);
  const { overall, perClass } = nearestClassShare({
    indices: Int32Array.from(asked, (q) => nearest.indices[q]!),
    referenceLabels: Array.from({ length: reference.count }, (_, i) => reference.label(i)),
    wantedLabels,
    classes,
  });
  const counts = new Int32Array(classes);
  for (const label of wantedLabels) counts[label]!++;
  return {
    nearestClassShare: overall,
    perClass: perClass.flatMap((share, label): ClassScore[] =>
      share === null
        ? []
        : [
            {
              class: label,
              className: reference.classNames?.[label] ?? String(label),
              images: counts[label]!,
              nearestClassShare: share,
            },
          ],
    ),
  };
}

/**
 * The label that `reference` gives to the class which `source` gives `label`; -1 for none. Where one side only numbers
 * its classes (an IDX file without names), the number decides.
 */
function referenceLabel(source: ImageSource, label: number, reference: ImageSource): number {
  const name = source.classNames?.[label];
  if (label < 0 || name === undefined) return -1;
  const named = reference.classNames?.indexOf(name) ?? -1;
  if (named >= 0) return named;
  const other = reference.classNames?.[label];
  const onlyNumbered = name === String(label) || other === String(label);
  return other !== undefined && onlyNumbered ? label : -1;
}
