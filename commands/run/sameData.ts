/** What a resumed training was started on. */
import { FileError } from "../../lib/errors.js";
import type { Run } from "../../lib/files/runDirectory.js";

type Stored = Readonly<Record<string, unknown>>;

/**
 * Checks that a resumed run gets as many images, rows and views, and the classes, that it was started with; they may lie elsewhere
 * now.
 * @param data what `config.json` is to say of them
 * @throws FileError naming what there was and what there is
 */
export function expectSameData({ folder, storedConfig }: Pick<Run, "folder" | "storedConfig">, data: Stored): void {
  const before = storedConfig?.["data"];
  if (before === undefined) return;
  const [was, is] = [told(before as Stored), told(data)];
  if (was === is) return;
  throw new FileError(
    `${folder}: it was started on ${was}, and what is given now is ${is}; give what it was started on, or start another run`,
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
