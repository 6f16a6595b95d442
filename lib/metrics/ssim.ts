import { expectImagePair, type ImagePair } from "./imagePair.js";

const WINDOW = 11; // pixels, section III.B of the source
const SIGMA = 1.5; // pixels, section III.B
const C1 = 0.01 ** 2; // (K1 L)^2 with L = 1
const C2 = 0.03 ** 2; // (K2 L)^2 with L = 1

/**
 * Structural similarity of each image, mean over channels and window positions of
 * `(2 mx my + C1)(2 cov + C2) / ((mx^2 + my^2 + C1)(vx + vy + C2))`, moments weighted by an 11x11 Gaussian of sigma 1.5
 * that stays inside the image; pixel range 1, no down-sampling, no sample correction of the variances.
 * Source: Wang, Bovik, Sheikh and Simoncelli 2004, IEEE TIP 13(4), eq. 13; they measure luminance, we average channels.
 * @returns values in [-1, 1], [B]; 1 for equal images
 * @throws RangeError when the data do not fit the shape or an image is smaller than 11x11
 */
export function ssim(pair: ImagePair): Float64Array {
  expectImagePair("ssim", pair);
  const [B, H, W, C] = pair.shape;
  if (H < WINDOW || W < WINDOW) throw new RangeError(`ssim: want images of at least 11x11 pixels, got ${H}x${W}`);
  return Float64Array.from({ length: B }, (_, image) => {
    let sum = 0;
    for (let channel = 0; channel < C; channel++) {
      const at = image * H * W * C + channel;
      const plane = (images: Float32Array) => Float64Array.from({ length: H * W }, (_, i) => images[at + i * C]!);
      sum += planeSsim(plane(pair.originals), plane(pair.reconstructions), W);
    }
    return sum / C;
  });
}

/** Mean SSIM of two planes, each [H, W]. */
function planeSsim(x: Float64Array, y: Float64Array, width: number): number {
  const meanX = blur(x, width);
  const meanY = blur(y, width);
  const meanSquares = blur(
    x.map((value, i) => value * value + y[i]! * y[i]!),
    width,
  );
  const meanProduct = blur(
    x.map((value, i) => value * y[i]!),
    width,
  );
  let sum = 0;
  for (let i = 0; i < meanX.length; i++) {
    const product = meanX[i]! * meanY[i]!;
    const squares = meanX[i]! ** 2 + meanY[i]! ** 2;
    const covariance = meanProduct[i]! - product;
    const variances = meanSquares[i]! - squares;
    sum += ((2 * product + C1) * (2 * covariance + C2)) / ((squares + C1) * (variances + C2));
  }
  return sum / meanX.length;
}

/** Gaussian-weighted mean around each pixel whose window lies inside the plane, [H - 10, W - 10]. */
function blur(plane: Float64Array, width: number): Float64Array {
  const height = plane.length / width;
  const outWidth = width - WINDOW + 1;
  const rows = slide(plane, { count: height, stride: width, step: 1, positions: outWidth });
  const columns = slide(rows, { count: outWidth, stride: 1, step: outWidth, positions: height - WINDOW + 1 });
  return transposed(columns, outWidth);
}

type Lines = {
  /** Number of lines and the distance between their starts. */
  count: number;
  stride: number;
  /** Distance between neighbours on a line, and window positions on it. */
  step: number;
  positions: number;
};

/** Slides the window along each line; [count, positions]. */
function slide(values: Float64Array, { count, stride, step, positions }: Lines): Float64Array {
  const out = new Float64Array(count * positions);
  for (let line = 0; line < count; line++)
    for (let position = 0; position < positions; position++) {
      const at = line * stride + position * step;
      let sum = 0;
      for (let k = 0; k < WINDOW; k++) sum += GAUSSIAN[k]! * values[at + k * step]!;
      out[line * positions + position] = sum;
    }
  return out;
}

/** [rows, columns] -> [columns, rows]. */
function transposed(matrix: Float64Array, rows: number): Float64Array {
  const columns = matrix.length / rows;
  return matrix.map((_, i) => matrix[(i % rows) * columns + Math.floor(i / rows)]!);
}

/** The window's weights along one axis; they sum to 1. */
const GAUSSIAN = (() => {
  const weights = Float64Array.from({ length: WINDOW }, (_, k) => Math.exp(-((k - 5) ** 2) / (2 * SIGMA ** 2)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
})();
