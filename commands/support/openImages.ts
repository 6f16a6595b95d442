import { IMAGE_EXTENSIONS } from "../../lib/data/scan.js";
import { type ImageSource, openSource } from "../../lib/data/source.js";
import { formatInteger } from "../../lib/ui/format.js";

export type OpenImages = {
  /** IDX file of labels, of an IDX file of images. */
  readonly labels?: string | undefined;
  readonly warn: (message: string) => void;
};

/**
 * Opens images as `openSource` does, and warns of what looks as if it was to be among them and is not: folders without
 * images beside class folders, and pictures in other formats. Other files, such as labels.txt, are none of these.
 * @throws DataError as `openSource`
 */
export async function openImages(path: string, { labels, warn }: OpenImages): Promise<ImageSource> {
  const source = await openSource(path, { labels });
  const { folders, pictures } = source.ignored;
  if (source.kind === "classes" && folders.length > 0)
    warn(`${path}: ${listed(folders)} ${folders.length === 1 ? "has" : "have"} no images, so there is no such class`);
  if (pictures > 0)
    warn(
      `${path}: ${formatInteger(pictures)} ${pictures === 1 ? "picture is" : "pictures are"} left out for the format; ` +
        `read are ${IMAGE_EXTENSIONS.join(" ")}`,
    );
  return source;
}

const LISTED = 5;

const listed = (names: readonly string[]): string =>
  names.length <= LISTED
    ? names.join(", ")
    : `${names.slice(0, LISTED).join(", ")} and ${formatInteger(names.length - LISTED)} other folders`;
