/**
 * Statistics of a data set's features as one safetensors file, so that a reference needs computing once:
 * `mean` F64 [D], `covariance` F64 [D, D], and in the metadata, all strings: `format` "vitvq-feature-statistics",
 * `count`, `network`, `protocol`, `source`.
 */
import { FileError } from "../errors.js";
import { sameShape } from "../shapes.js";
import { type FileTensor, openSafetensors, type SafetensorsFile, writeSafetensors } from "./safetensors.js";

/** How features were computed: sets compare only when both agree. */
export type FeatureOrigin = {
  /** `weightsHash` of the network that made the features. */
  readonly network: string;
  /** How images were resized and coloured for it, by name. */
  readonly protocol: string;
};

export type FeatureStatistics = FeatureOrigin & {
  /** Number of images, at least 2. */
  readonly count: number;
  /** [D] */
  readonly mean: Float64Array;
  /** [D, D] */
  readonly covariance: Float64Array;
  /** The data the images came from, in words or as a path. */
  readonly source: string;
};

/**
 * Writes statistics atomically; equal ones give equal bytes.
 * @throws RangeError when the covariance does not fit the mean
 */
export async function writeFeatureStatistics(file: string, statistics: FeatureStatistics): Promise<void> {
  const { mean, covariance, count, network, protocol, source } = statistics;
  const D = mean.length;
  const tensors = { mean: doubles([D], mean), covariance: doubles([D, D], covariance) };
  await writeSafetensors(file, tensors, { format: FORMAT, count: `${count}`, network, protocol, source });
}

/**
 * Reads statistics that are to be compared with features of `origin`.
 * @throws FileError when the file is missing, damaged or of another kind, or its features came from another network or
 * protocol
 */
export async function readFeatureStatistics(file: string, origin: FeatureOrigin): Promise<FeatureStatistics> {
  const reader = await openSafetensors(file);
  try {
    const header = parseMetadata(reader);
    expectOrigin(file, header, origin);
    const dim = reader.tensors.get("mean")?.shape[0] ?? 0;
    const mean = await readDoubles(reader, "mean", [dim]);
    return { ...header, mean, covariance: await readDoubles(reader, "covariance", [dim, dim]) };
  } finally {
    await reader.close();
  }
}

const FORMAT = "vitvq-feature-statistics";

const doubles = (shape: readonly number[], data: Float64Array) => ({ dtype: "F64", shape, data }) as FileTensor;

type StatisticsHeader = Omit<FeatureStatistics, "mean" | "covariance">;

function parseMetadata({ path, metadata }: SafetensorsFile): StatisticsHeader {
  const { format, count: text, network, protocol, source } = metadata;
  if (format !== FORMAT)
    throw new FileError(`${path}: not a file of feature statistics (format "${FORMAT}"); compute them again`);
  const count = Number(text);
  if (!Number.isSafeInteger(count) || count < 2)
    throw new FileError(`${path}: damaged: count must be a whole number > 1, got ${text ?? "nothing"}`);
  if (network === undefined || protocol === undefined || source === undefined)
    throw new FileError(`${path}: damaged: its metadata lack network, protocol or source`);
  return { count, network, protocol, source };
}

function expectOrigin(path: string, stored: FeatureOrigin, wanted: FeatureOrigin): void {
  const again = "compute the statistics again, or give what made them";
  if (stored.network !== wanted.network)
    throw new FileError(
      `${path}: these features came from the network ${short(stored.network)}, the one given is ` +
        `${short(wanted.network)}; ${again}`,
    );
  if (stored.protocol !== wanted.protocol)
    throw new FileError(
      `${path}: these features follow the protocol ${stored.protocol}, want ${wanted.protocol}; ${again}`,
    );
}

async function readDoubles(file: SafetensorsFile, name: string, shape: readonly number[]): Promise<Float64Array> {
  const tensor = await file.read(name);
  if (tensor.dtype !== "F64" || !sameShape(tensor.shape, shape))
    throw new FileError(
      `${file.path}: damaged: want ${name} F64 [${shape.join(", ")}], got ${tensor.dtype} [${tensor.shape.join(", ")}]`,
    );
  if (tensor.data.every(Number.isFinite)) return tensor.data;
  throw new FileError(`${file.path}: damaged: ${name} holds a number that is not finite`);
}

const short = (hash: string): string => hash.slice(0, 12);
