import { DataError } from "../errors.js";
import { DamagedImage, decodeResized } from "./decode.js";
import type { ImageSource, Pixels } from "./source.js";
import { cropAndFlip, type View } from "./view.js";

export type Damaged = { readonly name: string; readonly reason: string };

export type DamageOptions = {
  /** Whether the first damaged image ends everything; default: it is left out. */
  readonly strict?: boolean;
  /** Told of every damaged image, once each. */
  readonly onDamaged?: (name: string, reason: string) => void;
};

export type ImageReaderOptions = DamageOptions & {
  readonly source: ImageSource;
  /** Whether to keep resized pixels; right only if every view of an image resizes it alike. */
  readonly keep?: boolean;
  /** Most bytes to keep. */
  readonly cacheBytes?: number;
};

/** Reads images of a source, keeping account of the damaged ones. */
export class ImageReader {
  /** Damaged images in the order they were met. */
  readonly damaged: Damaged[] = [];
  readonly #known = new Set<number>();
  readonly #kept = new Map<number, Pixels>();
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
      return cropAndFlip(this.#kept.get(index) ?? (await this.#decode(index, view)), view);
    } catch (error) {
      if (!(error instanceof DamagedImage)) throw error;
      this.#note(index, error);
      return undefined;
    }
  }

  async #decode(index: number, view: View): Promise<Pixels> {
    const input = this.options.source.input(index);
    const resized = await decodeResized(input, view);
    const bytes = resized.pixels.length;
    if (resized !== input && bytes <= this.#bytesLeft && !this.#kept.has(index)) {
      this.#bytesLeft -= bytes;
      this.#kept.set(index, resized);
    }
    return resized;
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
      `no image of ${path} can be read: all ${count} are damaged or missing, for instance ${example}`,
    );
  }
}
