import type { TokenFile } from "../../lib/files/tokenFile.js";

/** Pixels times channels of an image of a token file, or undefined where the file does not say. */
export function imageDimensions({ extra }: Pick<TokenFile, "extra">): number | undefined {
  const dimensions = Number(extra["imageSize"]) ** 2 * Number(extra["channels"]);
  return Number.isFinite(dimensions) && dimensions > 0 ? dimensions : undefined;
}
