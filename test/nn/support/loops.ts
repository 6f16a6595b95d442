/** Layers once more, as plain loops over doubles: slow, and written without a look at the layers they judge. */

/** Numbers in row-major order; shapes are known from the context. */
export type Numbers = readonly number[];

/** Rows of `width` numbers. */
export function rowsOf(x: Numbers, width: number): Numbers[] {
  return Array.from({ length: x.length / width }, (_, row) => x.slice(row * width, (row + 1) * width));
}

export function denseByLoops(x: Numbers, kernel: Numbers, bias: Numbers): number[] {
  const from = kernel.length / bias.length;
  return rowsOf(x, from).flatMap((row) =>
    bias.map((b, j) => b + row.reduce((sum, value, i) => sum + value * kernel[i * bias.length + j]!, 0)),
  );
}

export function layerNormByLoops(x: Numbers, gain: Numbers, bias: Numbers): number[] {
  return rowsOf(x, gain.length).flatMap((row) => {
    const mean = row.reduce((a, b) => a + b, 0) / row.length;
    const variance = row.reduce((sum, value) => sum + (value - mean) ** 2, 0) / row.length;
    return row.map((value, j) => (gain[j]! * (value - mean)) / Math.sqrt(variance + 1e-5) + bias[j]!);
  });
}

/** `m u_t + (1 - m) u_(t-1)` of tokens [B, positions, D], zeros before the first. */
export function tokenShiftByLoops(u: Numbers, mix: Numbers, positions: number): number[] {
  return rowsOf(u, mix.length).flatMap((row, i, rows) =>
    row.map((value, c) => mix[c]! * value + (1 - mix[c]!) * (i % positions === 0 ? 0 : rows[i - 1]![c]!)),
  );
}

/** Error function by its Taylor series, good to 1e-9 for |x| < 4. */
export function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < 120; n++) {
    term *= -(x * x) / n;
    sum += term / (2 * n + 1);
  }
  return (2 / Math.sqrt(Math.PI)) * sum;
}

export const geluByLoops = (x: number): number => (x / 2) * (1 + erf(x / Math.SQRT2));

export type Heads = {
  /** Number of independent (image, head) pairs. */
  readonly groups: number;
  /** Positions N. */
  readonly positions: number;
  /** Width of a head. */
  readonly width: number;
  readonly causal?: boolean;
  /** Factors on the attention weights, [groups, N, N]. */
  readonly factors?: Numbers;
};

/** softmax(q k^T / sqrt(width)) v for every group, all [groups, N, width]. */
export function attentionByLoops(q: Numbers, k: Numbers, v: Numbers, heads: Heads): number[] {
  const { groups, positions: N, width, causal = false, factors } = heads;
  const out: number[] = [];
  for (let group = 0; group < groups; group++)
    for (let row = 0; row < N; row++) {
      const at = (x: Numbers, position: number, c: number) => x[(group * N + position) * width + c]!;
      const seen = causal ? row + 1 : N;
      const powers: number[] = [];
      for (let other = 0; other < seen; other++) {
        let score = 0;
        for (let c = 0; c < width; c++) score += at(q, row, c) * at(k, other, c);
        powers.push(Math.exp(score / Math.sqrt(width)));
      }
      const total = powers.reduce((a, b) => a + b, 0);
      for (let c = 0; c < width; c++) {
        let mixed = 0;
        for (let other = 0; other < seen; other++)
          mixed += (powers[other]! / total) * (factors?.[(group * N + row) * N + other] ?? 1) * at(v, other, c);
        out.push(mixed);
      }
    }
  return out;
}

export type MultiHead = {
  readonly qkvKernel: Numbers;
  readonly qkvBias: Numbers;
  readonly outKernel: Numbers;
  readonly outBias: Numbers;
  readonly batch: number;
  readonly heads: number;
  readonly causal?: boolean;
};

/** Multi-head self-attention of x [B, N, D]; a row of the projection is q, k, v one after the other, heads in order. */
export function multiHeadByLoops(x: Numbers, params: MultiHead): number[] {
  const { batch, heads, causal = false } = params;
  const D = params.outBias.length;
  const N = x.length / batch / D;
  const inner = params.qkvBias.length / 3;
  const width = inner / heads;
  const projected = denseByLoops(x, params.qkvKernel, params.qkvBias);
  const part = (which: number): number[] => {
    const picked: number[] = [];
    for (let b = 0; b < batch; b++)
      for (let head = 0; head < heads; head++)
        for (let n = 0; n < N; n++)
          for (let c = 0; c < width; c++) picked.push(projected[((b * N + n) * 3 + which) * inner + head * width + c]!);
    return picked;
  };
  const mixed = attentionByLoops(part(0), part(1), part(2), { groups: batch * heads, positions: N, width, causal });
  const joined: number[] = [];
  for (let b = 0; b < batch; b++)
    for (let n = 0; n < N; n++)
      for (let head = 0; head < heads; head++)
        for (let c = 0; c < width; c++) joined.push(mixed[((b * heads + head) * N + n) * width + c]!);
  return denseByLoops(joined, params.outKernel, params.outBias);
}

/** Gradient of `f` by each of its numbers, by central differences in doubles. */
export function centralDifferences(f: (x: Numbers) => number, at: Numbers, step = 1e-5): number[] {
  return at.map((_, i) => {
    const moved = (by: number) => f(at.map((value, j) => (j === i ? value + by : value)));
    return (moved(step) - moved(-step)) / (2 * step);
  });
}

/** Sum of the products of two lists. */
export const inner = (a: Numbers, b: Numbers): number => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
