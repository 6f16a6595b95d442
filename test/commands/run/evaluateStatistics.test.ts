import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  expectSamePixels,
  type OriginalFeatures,
  type Originals,
  readOriginals,
  writeOriginals,
} from "../../../commands/run/evaluateStatistics.js";
import { FileError } from "../../../lib/errors.js";
import { writeFeatureStatistics } from "../../../lib/files/featureStatistics.js";
import { expectRejection, inTemporaryFolder } from "../../support.js";

const test = suite("commands/run/evaluateStatistics");

const origin = { network: "0123456789abcdef", protocol: "pytorch-fid" };
const originals: Originals = { data: "/data/ünï", images: 5, imageSize: 32, channels: 3, resize: "cover" };
const features: OriginalFeatures = {
  moments: { count: 4, mean: Float64Array.of(1 / 3, 2), covariance: Float64Array.of(1, 0.5, 0.5, 2) },
  inceptionScore: { mean: 1.25, std: 0.125, images: 4, splits: 4 },
  pixels: "feedc0de",
};

test("what was seen in the originals comes back to the last bit, and a file that is not there is none", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "kept", "statistics");
    assert.is(await readOriginals(file, origin, originals), undefined);
    await writeOriginals(file, origin, { originals, features });
    assert.equal(await readOriginals(file, origin, originals), { ...features, file });
  }));

test("another network, protocol, data, count or size is refused, naming what differs", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "statistics");
    await writeOriginals(file, origin, { originals, features });
    const refuse = (changed: Partial<typeof origin & Originals>, pattern: RegExp) => {
      const { network, protocol, ...others } = { ...origin, ...originals, ...changed };
      return expectRejection(readOriginals(file, { network, protocol }, others), FileError, /statistics: /, pattern);
    };
    await refuse({ network: "fedcba9876543210" }, /network 0123456789ab, the one given is fedcba987654/);
    await refuse({ protocol: "torch-fidelity" }, /protocol pytorch-fid, want torch-fidelity/);
    await refuse({ data: "/data/b" }, /of other originals: data \/data\/ünï, here \/data\/b; name another file/);
    await refuse({ images: 6 }, /: number of images 5, here 6;/);
    await refuse({ imageSize: 16, channels: 1 }, /: image size 32, here 16; number of channels 3, here 1;/);
    await refuse({ resize: "squash" }, /: resizing cover, here squash;/);
  }));

test("statistics of something else are no originals, and neither are other pixels", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "statistics");
    for (const source of ["data/train", "null", '{"pixels":1}']) {
      await writeFeatureStatistics(file, { ...origin, ...features.moments, source });
      await expectRejection(readOriginals(file, origin, originals), FileError, /not of the originals of an evaluation/);
    }
    const stored = { ...features, file };
    expectSamePixels(stored, "feedc0de");
    assert.throws(() => expectSamePixels(stored, "feedc0df"), /the originals have changed/);
  }));

test.run();
