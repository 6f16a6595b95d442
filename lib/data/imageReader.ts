import { DataError } from "../errors.js";
import { DamagedImage, decodeStart, isOwnSize, resizeDecoded } from "./decode.js";
import type { Pixels, ReadableImages } from "./source.js";
import { cropAndFlip, type View } from "./view.js";

export type Damaged = { readonly name: string; readonly reason: string };

export type DamageOptions = {
  /** Whether the first damaged image ends everything; default: it is left out. */
  readonly strict?: boolean;
  /** Told of every damaged image, once each. */
  readonly onDamaged?: (name: string, reason: string) => void;
};

export type Keep = {
  /** Images as decoded, where they are no larger than views ask for: what is left then is to enlarge them. */
  readonly decoded: boolean;
  /** Resized images, in every size that views ask for. */
  readonly resized: boolean;
};

export type ImageReaderOptions = DamageOptions & {
  readonly source: ReadableImages;
  /** What to keep in memory; default: nothing. */
  readonly keep?: Keep | undefined;
  /** Most bytes to keep. */
  readonly cacheBytes?: number;
};

/** Reads images of a source, keeping account of the damaged ones. */
export class ImageReader {
  /** Damaged images in the order they were met. */
  readonly damaged: Damaged[] = [];
  readonly #known = new Set<number>();
  readonly #decoded = new Map<number, Pixels>();
  /** By shorter side, then by image. */
  readonly #resized = new Map<number, Map<number, Pixels>>();
  #bytesLeft: number;

  constructor(readonly options: ImageReaderOptions) {
    this.#bytesLeft = options.keep ? (options.cacheBytes ?? 0) : 0;
  }

  /**
   * Image `index` as `view` asks, [size, size, channels], or undefined when it is damaged.
   * @throws DataError when it is damaged and `strict`, or when no image of the source can be read
   */
  async read(index: number, view: View): Promise<Uint8Array | undefined> {
    if (this.#known.has(index)) {
      this.#requireReadable();
      return undefined;
    }
    try {
      return cropAndFlip(await this.#resize(index, view), view);
    } catch (error) {
      if (!(error instanceof DamagedImage)) throw error;
      this.#note(index, error);
      return undefined;
    }
  }

  /** The image resized, or what is kept of that. */
  async #resize(index: number, view: View): Promise<Pixels> {
    const ready = this.#resized.get(view.shorterSide)?.get(index);
    if (ready) return ready;
    const { keep, source } = this.options;
    const input = source.input(index);
    const start = this.#decodedFor(index, view) ?? (await decodeStart(input, view));
    if (keep?.decoded && start !== input && isOwnSize(start, view)) this.#keep(this.#decoded, index, start);
    const resized = await resizeDecoded(start, view, source.name(index));
    if (keep?.resized && resized !== input && resized !== this.#decoded.get(index))
      this.#keep(ofSide(this.#resized, view.shorterSide), index, resized);
    return resized;
  }

  /** What is kept of the image as decoded, if `decodeStart` would give the same. */
  #decodedFor(index: number, { shorterSide }: View): Pixels | undefined {
    const kept = this.#decoded.get(index);
    return kept && Math.min(kept.width, kept.height) <= shorterSide ? kept : undefined;
  }

  #keep(place: Map<number, Pixels>, index: number, image: Pixels): void {
    const bytes = image.pixels.length;
    if (bytes > this.#bytesLeft || place.has(index)) return;
    this.#bytesLeft -= bytes;
    place.set(index, image);
  }

  #note(index: number, error: DamagedImage): void {
    const { source, strict, onDamaged } = this.options;
    const { reason } = error;
    const name = source.name(index);
    if (strict)
      throw new DataError(`cannot read ${name} in ${source.path}: ${reason}; without --strict it would be left out`, {
        cause: error,
      });
    if (!this.#known.has(index)) {
      this.#known.add(index);
      this.damaged.push({ name, reason });
      onDamaged?.(name, reason);
    }
    this.#requireReadable();
  }

  #requireReadable(): void {
    const { path, count } = this.options.source;
    const [first] = this.damaged;
    if (!first || this.damaged.length < count) return;
    const example = `${first.name}: ${first.reason}`;
    throw new DataError(
      count === 1
        ? `the only image of ${path} cannot be read: ${example}`
        : `no image of ${path} can be read: all ${count} are damaged or missing, for instance ${example}`,
    );
  }
}

function ofSide(kept: Map<number, Map<number, Pixels>>, shorterSide: number): Map<number, Pixels> {
  const known = kept.get(shorterSide) ?? new Map<number, Pixels>();
  kept.set(shorterSide, known);
  return known;
}
