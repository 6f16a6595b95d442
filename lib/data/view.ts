import type { Pixels } from "./source.js";

/** Resampling filter; all but `nearest` are widened when shrinking, so that nothing aliases. */
export type Kernel = "nearest" | "linear" | "cubic" | "mitchell" | "lanczos2" | "lanczos3";

/** What all images of a run have in common. */
export type ViewSettings = {
  /** Side of the square that comes out, in pixels. */
  readonly size: number;
  readonly channels: 1 | 3;
  /** Default: lanczos3. */
  readonly kernel?: Kernel;
  /** What shows through transparent pixels, sRGB 0..255; default white. */
  readonly background?: readonly [red: number, green: number, blue: number];
};

/** How one image becomes `size` x `size`: resized, cropped, perhaps mirrored. */
export type View = ViewSettings & {
  /** `cover` keeps the shape of things, its shorter side becoming `shorterSide`; `squash` makes both sides that long. */
  readonly resize: "cover" | "squash";
  /** In pixels, at least `size`. */
  readonly shorterSide: number;
  /** Place of the crop in what is left over beside it: 0 leftmost or topmost, 0.5 centred; below 1. */
  readonly cropX: number;
  readonly cropY: number;
  /** Left becomes right. */
  readonly flip: boolean;
};

/** The largest centred square (`cover`), or the whole image (`squash`), not mirrored. */
export function centredView(settings: ViewSettings, resize: View["resize"] = "cover"): View {
  return { ...settings, resize, shorterSide: settings.size, cropX: 0.5, cropY: 0.5, flip: false };
}

/** @throws RangeError when a field of the view is out of range */
export function checkView({ size, shorterSide, cropX, cropY }: View): void {
  if (!Number.isInteger(size) || size < 1) throw new RangeError(`view: want a whole size of 1 or more, got ${size}`);
  if (!Number.isInteger(shorterSide) || shorterSide < size)
    throw new RangeError(`view: want a whole shorterSide of at least ${size}, the size, got ${shorterSide}`);
  for (const place of [cropX, cropY])
    if (!(place >= 0 && place < 1))
      throw new RangeError(`view: want cropX and cropY in [0, 1), got ${cropX}, ${cropY}`);
}

/**
 * Cuts a view out of an image that has been resized for it.
 * @param image at least size x size, of the view's channels
 * @returns [size, size, channels], a copy
 */
export function cropAndFlip(image: Pixels, { size, cropX, cropY, flip }: View): Uint8Array {
  const { pixels, width, height, channels } = image;
  const left = Math.floor(cropX * (width - size + 1));
  const top = Math.floor(cropY * (height - size + 1));
  const row = size * channels;
  const out = new Uint8Array(size * row);
  for (let y = 0; y < size; y++) {
    const from = ((top + y) * width + left) * channels;
    out.set(pixels.subarray(from, from + row), y * row);
  }
  return flip ? flipped(out, size, channels) : out;
}

/** Mirrors [size, size, channels] in place, left to right. */
function flipped(pixels: Uint8Array, size: number, channels: number): Uint8Array {
  for (let y = 0; y < size; y++)
    for (let x = 0; x < size >> 1; x++) {
      const left = (y * size + x) * channels;
      const right = (y * size + size - 1 - x) * channels;
      for (let c = 0; c < channels; c++) {
        const kept = pixels[left + c]!;
        pixels[left + c] = pixels[right + c]!;
        pixels[right + c] = kept;
      }
    }
  return pixels;
}

/** The image with `channels` channels: grey repeated three times, or the luma of colour; itself if it has them. */
export function toChannels(image: Pixels, channels: 1 | 3): Pixels {
  if (image.channels === channels) return image;
  const { width, height } = image;
  return { pixels: channels === 3 ? repeated(image.pixels) : luma(image.pixels), width, height, channels };
}

function repeated(grey: Uint8Array): Uint8Array {
  const out = new Uint8Array(3 * grey.length);
  for (let i = 0; i < grey.length; i++) out.fill(grey[i]!, 3 * i, 3 * i + 3);
  return out;
}

/** `0.299 R + 0.587 G + 0.114 B`, rounded: ITU-R BT.601, as Pillow's mode "L" in 16-bit fixed point. */
function luma(rgb: Uint8Array): Uint8Array {
  const out = new Uint8Array(rgb.length / 3);
  for (let i = 0; i < out.length; i++)
    out[i] = (19595 * rgb[3 * i]! + 38470 * rgb[3 * i + 1]! + 7471 * rgb[3 * i + 2]! + 0x8000) >> 16;
  return out;
}
