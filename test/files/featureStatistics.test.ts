import { readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import {
  type FeatureStatistics,
  readFeatureStatistics,
  writeFeatureStatistics,
} from "../../lib/files/featureStatistics.js";
import { type FileTensor, writeSafetensors } from "../../lib/files/safetensors.js";
import { expectRejection, inTemporaryFolder } from "../support.js";

const test = suite("files/featureStatistics");

const origin = { network: "0123456789abcdef0123", protocol: "pytorch-fid" };

const statistics: FeatureStatistics = {
  ...origin,
  count: 50_000,
  mean: Float64Array.of(1 / 3, -2),
  covariance: Float64Array.of(1e-300, Math.PI, Math.PI, 7),
  source: "data/ünïcode, train",
};

test("statistics come back to the last bit, with all that is said of them", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "reference");
    await writeFeatureStatistics(file, statistics);
    assert.equal(await readFeatureStatistics(file, origin), statistics);
    const before = await readFile(file);
    await writeFeatureStatistics(file, statistics);
    assert.equal(await readFile(file), before);
  });
});

test("another network and another protocol are refused, naming both", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "reference");
    await writeFeatureStatistics(file, statistics);
    const refuse = (changes: Partial<typeof origin>, ...patterns: RegExp[]) =>
      expectRejection(readFeatureStatistics(file, { ...origin, ...changes }), FileError, ...patterns);
    await refuse({ network: "fedcba9876543210" }, /reference: .*0123456789ab,/, /fedcba987654;/, /again/);
    await refuse({ protocol: "torch-fidelity" }, /protocol pytorch-fid, want torch-fidelity/);
  });
});

test("a covariance that does not fit the mean is not written", async () => {
  await inTemporaryFolder(async (folder) => {
    const odd = { ...statistics, covariance: Float64Array.of(1, 2, 3) };
    await expectRejection(writeFeatureStatistics(path.join(folder, "w"), odd), RangeError, /\[2, 2\] does not hold 3/);
  });
});

test("files of another kind and damaged ones are refused", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "reference");
    const metadata = { format: "vitvq-feature-statistics", count: "3", ...origin, source: "x" };
    const mean: FileTensor = { dtype: "F64", shape: [2], data: Float64Array.of(0, 0) };
    const covariance: FileTensor = { dtype: "F64", shape: [2, 2], data: new Float64Array(4) };
    type Tensors = Record<string, FileTensor>;
    const refuse = async (changes: Record<string, string>, tensors: Tensors, pattern: RegExp) => {
      await writeSafetensors(file, tensors, { ...metadata, ...changes });
      await expectRejection(readFeatureStatistics(file, origin), FileError, pattern);
    };
    const both = { mean, covariance };
    await refuse({ format: "vitvq-tokens" }, both, /not a file of feature statistics/);
    await refuse({ count: "1" }, both, /count must be a whole number > 1, got 1/);
    await refuse({}, { covariance }, /no tensor "mean"/);
    await refuse(
      {},
      { mean, covariance: { ...covariance, shape: [4] } },
      /want covariance F64 \[2, 2\], got F64 \[4\]/,
    );
    const single: FileTensor = { dtype: "F32", shape: [2], data: new Float32Array(2) };
    await refuse({}, { mean: single, covariance }, /want mean F64 \[2\], got F32 \[2\]/);
    const infinite: FileTensor = { dtype: "F64", shape: [2], data: Float64Array.of(0, Number.POSITIVE_INFINITY) };
    await refuse({}, { mean: infinite, covariance }, /mean holds a number that is not finite/);
    const { source: _, ...nameless } = metadata;
    await writeSafetensors(file, both, nameless);
    await expectRejection(readFeatureStatistics(file, origin), FileError, /lack network, protocol or source/);
    await writeFile(file, "no tensors");
    await expectRejection(readFeatureStatistics(file, origin), FileError, /not a safetensors file/);
  });
});

test.run();
