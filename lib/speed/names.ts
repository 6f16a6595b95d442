/** What can be measured, by name. */

/** Every measurement, in the order in which they are made. */
export const MEASUREMENTS = [
  "train-vq-ae",
  "train-vq-full",
  "train-vim",
  "encode",
  "decode",
  "sample-1",
  "sample-8",
  "sample-32",
  "data",
  "start-node",
  "start-help",
  "start-sample-help",
] as const;

export type MeasurementName = (typeof MEASUREMENTS)[number];

/** Names for all measurements that begin with them and a dash. */
export const MEASUREMENT_GROUPS = ["train", "train-vq", "sample", "start"] as const;

/** The measurements that names, of single ones or of groups, stand for; all of them where there is no name. */
export function measurementsNamed(names: readonly string[]): MeasurementName[] {
  const isMeant = (measurement: string) =>
    names.some((name) => measurement === name || measurement.startsWith(`${name}-`));
  return names.length === 0 ? [...MEASUREMENTS] : MEASUREMENTS.filter(isMeant);
}
