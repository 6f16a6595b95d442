/** Who is told of damaged images. */
import path from "node:path";
import type { ImageSource } from "../../lib/data/source.js";

type OnDamaged = (name: string, reason: string) => void;

/** Says of each damaged image that it is left out. */
export const leftOut =
  (warn: (warning: string) => void): OnDamaged =>
  (name, reason) =>
    warn(`${name}: left out: ${reason}`);

/** Says of each damaged image of a source that it is left out, once however often it is met. */
export function warnOnce(warn: (warning: string) => void): (source: ImageSource) => OnDamaged {
  const known = new Set<string>();
  return (source) => (name, reason) => {
    const place = path.join(source.path, name);
    if (!known.has(place)) leftOut(warn)(name, reason);
    known.add(place);
  };
}
