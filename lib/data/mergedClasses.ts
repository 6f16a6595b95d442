/** Classes of several data sets, told apart by their names. */
import { DataError } from "../errors.js";

export type NamedClasses = {
  /** Named in errors. */
  readonly path: string;
  /** Names of labels 0, 1, ...; undefined where there are none. */
  readonly classNames?: readonly string[] | undefined;
};

export type MergedClasses = {
  /** All names, in the order in which the sets bring them; undefined when no set has any. */
  readonly classNames: readonly string[] | undefined;
  /** By set, the merged class of each of its labels; undefined where labels stay as they are. */
  readonly maps: readonly (Int32Array | undefined)[];
};

/**
 * One list of classes for all sets; sets whose lists are the same keep their labels.
 * @throws DataError when one set has names and another has not, or sets to be merged give two classes one name
 */
export function mergeClasses(sets: readonly [NamedClasses, ...NamedClasses[]]): MergedClasses {
  const [first] = sets;
  const named = sets.find(({ classNames }) => classNames);
  const nameless = sets.find(({ classNames }) => !classNames);
  if (named && nameless)
    throw new DataError(
      `${nameless.path}: want names of its classes, as ${named.path} has them, since classes are merged by name; ` +
        "encode it from class folders or with --class-names, or train with --unconditional",
    );
  const lists = new Set(sets.map(({ classNames }) => JSON.stringify(classNames)));
  if (lists.size === 1) return { classNames: first.classNames, maps: sets.map(() => undefined) };
  const places = new Map<string, number>();
  for (const set of sets) for (const name of uniqueNames(set)) if (!places.has(name)) places.set(name, places.size);
  const maps = sets.map(({ classNames = [] }) => Int32Array.from(classNames, (name) => places.get(name)!));
  return { classNames: [...places.keys()], maps };
}

/**
 * What the labels of a further set are among known classes; labels stay as they are where either has no names.
 * @throws DataError when it has a class that is not known, or classes to be told apart share a name
 */
export function classesAmong(known: NamedClasses, set: NamedClasses): Int32Array | undefined {
  const { classNames: names } = known;
  if (!names || !set.classNames || JSON.stringify(names) === JSON.stringify(set.classNames)) return undefined;
  uniqueNames(known);
  const odd = uniqueNames(set).find((name) => !names.includes(name));
  if (odd === undefined) return Int32Array.from(set.classNames, (name) => names.indexOf(name));
  throw new DataError(
    `${set.path}: want classes of ${known.path}, got one called ${JSON.stringify(odd)}; ` +
      "leave it out, or give the classes the same names",
  );
}

function uniqueNames({ path, classNames = [] }: NamedClasses): readonly string[] {
  const twice = classNames.find((name, i) => classNames.indexOf(name) !== i);
  if (twice === undefined) return classNames;
  throw new DataError(
    `${path}: want a name of its own for each class, since classes are merged by name, got ${JSON.stringify(twice)} twice; ` +
      "encode it with --class-names",
  );
}
