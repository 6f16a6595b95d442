/** What a resumed training was started on, and with. */
import { FileError } from "../../lib/errors.js";
import type { Run } from "../../lib/files/runDirectory.js";

type Stored = Readonly<Record<string, unknown>>;

/**
 * Checks that a resumed run gets the images or rows, views and classes that it was started with; they may lie elsewhere now. Of runs
 * of versions that kept no digest of them, only their numbers are checked.
 * @param data what `config.json` is to say of them
 * @throws FileError naming what there was and what there is
 */
export function expectSameData({ folder, storedConfig }: Pick<Run, "folder" | "storedConfig">, data: Stored): void {
  const before = storedConfig?.["data"];
  if (before === undefined) return;
  const [was, is] = [told(before as Stored), told(data)];
  const remedy = "give what it was started on, or start another run";
  if (was !== is) throw new FileError(`${folder}: it was started on ${was}, and what is given now is ${is}; ${remedy}`);
  const changed = otherParts(before as Stored, data);
  if (changed.length > 0)
    throw new FileError(
      `${folder}: it was started on as many images or rows as ${changed.join(" and ")}, but not on those; ${remedy}`,
    );
}

/** Where data lies now that has as many images or rows as that of before, but is not the same. */
function otherParts(before: Stored, now: Stored): string[] {
  const partsOf = ({ files, ...rest }: Stored) => (Array.isArray(files) ? (files as Stored[]) : [rest]);
  const digests = partsOf(before).map(({ digest }) => digest);
  return partsOf(now).flatMap(({ path, digest }, i) =>
    digests[i] === undefined || digests[i] === digest ? [] : [String(path)],
  );
}

/**
 * Checks that the perceptual loss of a resumed run sees with the weights that it was started with, wherever they lie now. Runs
 * that do not say which those were are older than the check.
 * @param hash `weightsHash` of the weights, undefined without such a loss
 * @throws FileError naming both hashes
 */
export function expectSamePerceptual(
  { folder, storedConfig }: Pick<Run, "folder" | "storedConfig">,
  hash: string | undefined,
): void {
  const { hash: before } = (storedConfig?.["perceptual"] ?? {}) as { hash?: string };
  if (before === undefined || before === hash) return;
  throw new FileError(
    `${folder}: its perceptual loss was started with the weights ${before.slice(0, 12)}, those given now are ` +
      `${hash?.slice(0, 12) ?? "none"}; give the files it was started with to --vgg and --lpips, or start another run`,
  );
}

/** In words that are the same for the same data, wherever it lies. */
function told({ files, images, rows, viewsPerImage, augmentation, classNames }: Stored): string {
  const parts = Array.isArray(files)
    ? [files.map((file) => told(file as Stored)).join(" and ")]
    : [images === undefined ? `${String(rows)} rows` : `${String(images)} images`];
  if (viewsPerImage !== undefined) parts.push(`${String(viewsPerImage)} views of each image`);
  if (augmentation !== undefined) parts.push(String(augmentation));
  if (Array.isArray(classNames)) parts.push(`classes ${classNames.join(", ")}`);
  return parts.join(", ");
}
