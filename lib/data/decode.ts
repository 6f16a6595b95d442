import { open, stat } from "node:fs/promises";
import type { ResizeOptions, Sharp } from "sharp";
import { DataError } from "../errors.js";
import { loadSharp, type Sharp as SharpModule } from "../sharp.js";
import { passingFailure, patiently } from "./passingFailure.js";
import type { ImageInput, Pixels } from "./source.js";
import { checkView, cropAndFlip, toChannels, type View } from "./view.js";

/**
 * Longest shape that is enlarged, as longer side over shorter side. A strip of 1 x 5000 pixels would become one of
 * 256 x 1,280,000, which takes seconds and gigabytes, and libvips may crash beyond that.
 */
const MAX_ENLARGED_ASPECT = 64;

/** An image that cannot be decoded, and why. */
export class DamagedImage extends DataError {
  constructor(
    image: string,
    readonly reason: string,
    options?: ErrorOptions,
  ) {
    super(`cannot read image ${image}: ${reason}`, options);
  }
}

/**
 * Decodes one image as `view` asks, in libuv's threads: EXIF orientation applied, alpha blended onto the background,
 * 16-bit, CMYK and other colour spaces brought to 8-bit sRGB, resized, cropped, mirrored.
 * @returns [size, size, channels]
 * @throws DamagedImage when the file is missing, damaged or no image
 * @throws DataError when the system could not read it for half a minute
 * @throws RangeError when the view is out of range
 */
export async function decodeImage(input: ImageInput, view: View): Promise<Uint8Array> {
  return cropAndFlip(await decodeResized(input, view), view);
}

/**
 * The whole image, resized as `view` asks but not yet cropped or mirrored, in the view's channels; pixels that need
 * no change are returned as they are. The whole is always decoded, so whether a file is damaged does not depend on
 * the crop.
 * @throws as `decodeImage` does
 */
export async function decodeResized(input: ImageInput, view: View): Promise<Pixels> {
  const name = "file" in input ? input.file : "in memory";
  return await resizeDecoded(await decodeStart(input, view), view, name);
}

/**
 * What an image is resized from: as decoded, though never larger than `view` needs. What is smaller has its own size and
 * serves every view that asks for no less; see `isOwnSize`.
 * @throws as `decodeImage` does
 */
export async function decodeStart(input: ImageInput, view: View): Promise<Pixels> {
  checkView(view);
  return "file" in input ? await decodeFile(input.file, view) : input;
}

/**
 * The second half of `decodeResized`.
 * @param name of the image in an error
 * @throws DamagedImage when it is too long and narrow to be enlarged
 */
export async function resizeDecoded(start: Pixels, view: View, name: string): Promise<Pixels> {
  if (isResized(start, view)) return toChannels(start, view.channels);
  const why = cannotResize(start, view);
  if (why !== undefined) throw new DamagedImage(name, why);
  return toChannels(await resizePixels(start, view), view.channels);
}

/** Whether what `decodeStart` gave for a view is certain to be the image in its own size. */
export function isOwnSize({ width, height }: Pixels, { resize, shorterSide }: View): boolean {
  return resize === "cover" && Math.min(width, height) < shorterSide;
}

/**
 * Sets how many threads libvips uses inside one image, for the whole process. The default is 1: images are decoded
 * side by side (as many as libuv has threads), and every further thread takes a core from the engine.
 */
export async function setThreadsPerImage(threads: number): Promise<void> {
  (await loadTuned()).concurrency(threads);
}

/**
 * Loads what decodes images, which is otherwise done with the first of them.
 * @throws EngineError when it does not load
 */
export async function loadDecoder(): Promise<void> {
  await loadTuned();
}

let loaded: SharpModule | undefined;

async function loadTuned(): Promise<SharpModule> {
  if (loaded) return loaded;
  const sharp = await loadSharp();
  sharp.cache(false); // no file is read twice in a row; a cache would only hold memory and open files
  sharp.concurrency(1);
  loaded = sharp;
  return sharp;
}

const white = [255, 255, 255] as const;

/**
 * Decodes a file and resizes it; what `cover` would have to enlarge comes back in its own size.
 * @throws DamagedImage when it is missing, damaged or no image
 * @throws DataError when it could not be read for half a minute, by no fault of its own
 */
function decodeFile(file: string, view: View): Promise<Pixels> {
  const giveUp = ({ message }: Error) =>
    new DataError(`${file}: cannot be read for now: ${message}; try again when its disk or network answers`);
  return patiently(() => decodeOnce(file, view), giveUp, { passing: () => passingFailure(file) });
}

async function decodeOnce(file: string, view: View): Promise<Pixels> {
  const sharp = loaded ?? (await loadTuned()); // without a pause once loaded, so that decoding starts at once
  const [r, g, b] = view.background ?? white;
  // "error" and not the stricter "warning": many a sound photograph has odd metadata or spare bytes.
  const image = sharp(file, { failOn: "error", autoOrient: true })
    .flatten({ background: { r, g, b } })
    .resize({ ...resizing(view), withoutEnlargement: view.resize === "cover" });
  try {
    if (!(await isShallow(file)) && (await isDeepWithProfile(sharp, file))) image.pipelineColourspace("srgb");
    return await rawPixels(image);
  } catch (error) {
    throw new DamagedImage(file, await whyDamaged(file, error as Error), { cause: error });
  }
}

/**
 * Whether an image is certain to have 8 bits a channel: a JPEG by its first bytes, whatever its name. Reading them takes a
 * tenth of the time of decoding a small one, sharp's look at its header a fifth.
 */
async function isShallow(file: string): Promise<boolean> {
  if (DEEP_NAME.test(file)) return false;
  const handle = await open(file);
  try {
    const { buffer } = await handle.read(Buffer.alloc(2), 0, 2, 0);
    return buffer.readUInt16BE() === JPEG_START;
  } finally {
    await handle.close();
  }
}

/** Names of formats that can have more than 8 bits a channel. */
const DEEP_NAME = /\.(png|tiff?|avif)$/i;
const JPEG_START = 0xffd8;

/**
 * Whether an image has 16 bits a channel and a colour profile. sharp 0.35 takes such an image to Display P3, then
 * calls the result sRGB, so that colours fade; going to 8-bit sRGB values first avoids it. (Doing so for every image
 * would cost JPEG its fast reduced decoding, and grey images their own profiles.)
 */
async function isDeepWithProfile(sharp: SharpModule, file: string): Promise<boolean> {
  const { depth, hasProfile } = await sharp(file, { failOn: "error" }).metadata();
  return depth === "ushort" && hasProfile;
}

/** Resizes pixels in memory: files that have to be enlarged, and IDX images of another size. */
async function resizePixels({ pixels, width, height, channels }: Pixels, view: View): Promise<Pixels> {
  const sharp = loaded ?? (await loadTuned());
  return await rawPixels(sharp(pixels, { raw: { width, height, channels } }).resize(resizing(view)));
}

function cannotResize({ width, height }: Pixels, { resize, shorterSide }: View): string | undefined {
  const aspect = Math.max(width, height) / Math.min(width, height);
  if (resize === "squash" || aspect <= MAX_ENLARGED_ASPECT) return undefined;
  return `${width} x ${height} pixels are too long and narrow to enlarge to a shorter side of ${shorterSide}`;
}

const resizing = ({ resize, shorterSide, kernel }: View): ResizeOptions => ({
  width: shorterSide,
  height: shorterSide,
  fit: resize === "cover" ? "outside" : "fill",
  kernel: kernel ?? "lanczos3",
});

/** sharp's output is sRGB with three channels unless asked otherwise, for grey images too. */
async function rawPixels(image: Sharp): Promise<Pixels> {
  const { data, info } = await image.raw().toBuffer({ resolveWithObject: true });
  return { pixels: data, width: info.width, height: info.height, channels: 3 };
}

function isResized({ width, height }: Pixels, { resize, shorterSide }: View): boolean {
  return resize === "cover" ? Math.min(width, height) === shorterSide : width === shorterSide && height === shorterSide;
}

/** One line for a person; libvips puts seeks and several lines into its messages. */
async function whyDamaged(file: string, error: Error): Promise<string> {
  const found = await stat(file).catch((problem: NodeJS.ErrnoException) => problem);
  if (found instanceof Error) return found.code === "ENOENT" ? "the file is missing" : found.message;
  if (found.size === 0) return "the file is empty";
  const lines = error.message.split("\n").filter((line) => line.trim() !== "" && !line.includes("bad seek"));
  const message = lines.join(" ").trim().slice(0, 200);
  if (message === "" || message === "Unknown error") return "the image data is damaged";
  return message === "Input file contains unsupported image format" ? "not an image of a format that is read" : message;
}
