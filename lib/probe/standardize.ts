/** Mean of each feature and what its deviation is divided by, [D] each. */
export type Standardization = { readonly mean: Float64Array; readonly scale: Float64Array };

/** Spread, as a share of the mean, below which float32 cannot tell a feature from a constant. */
const CONSTANT = 1e-6;

/**
 * Mean and (population) standard deviation of each feature of `features`, [N, dim]. The scale of a constant feature is
 * 1, so that it becomes 0 and stays harmless.
 * @throws RangeError when there are no rows, the rows do not fit, or a feature is not finite
 */
export function measureStandardization(features: Float32Array, dim: number): Standardization {
  const N = features.length / dim;
  if (!Number.isInteger(N) || N === 0)
    throw new RangeError(`standardize: want rows of ${dim} features, got ${features.length} values`);
  const mean = new Float64Array(dim);
  for (let i = 0; i < features.length; i++) mean[i % dim]! += features[i]! / N;
  const variance = new Float64Array(dim);
  for (let i = 0; i < features.length; i++) variance[i % dim]! += (features[i]! - mean[i % dim]!) ** 2 / N;
  const broken = variance.findIndex((value) => !Number.isFinite(value));
  if (broken >= 0) throw new RangeError(`standardize: feature ${broken} is not finite in some row`);
  const scale = variance.map((value, d) => (Math.sqrt(value) > CONSTANT * Math.abs(mean[d]!) ? Math.sqrt(value) : 1));
  return { mean, scale };
}

/** `(x - mean) / scale` of each row, in a new array. */
export function standardize(features: Float32Array, { mean, scale }: Standardization): Float32Array {
  const dim = mean.length;
  return features.map((value, i) => (value - mean[i % dim]!) / scale[i % dim]!);
}
