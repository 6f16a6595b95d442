/** Reports and sizes that tests of speed begin with. */
import type { SpeedReport } from "../../lib/speed/report.js";
import type { SpeedSize } from "../../lib/speed/sizes.js";

/** Smaller than any size that is measured, so that a step takes milliseconds. */
export const SMALLEST: SpeedSize = {
  stage1: {
    imageSize: 16,
    channels: 1,
    patchSize: 4,
    dim: 16,
    depth: 1,
    heads: 2,
    codebookSize: 8,
    codeDim: 4,
    batch: 2,
    discriminatorScale: 1 / 64,
    vggScale: 1 / 32,
  },
  codecBatch: 3,
  prior: { dim: 16, depth: 2, heads: 2, vocabulary: 12, gridSide: 3 },
  priorBatch: 2,
  pictures: { width: 24, height: 20, count: 5 },
  pictureBatch: 4,
};

/** Two measurements and one that was lost. */
export const REPORT: SpeedReport = {
  format: "vitvq bench 1",
  date: "2026-01-02T03:04:05.678Z",
  vitvq: "0.1.0",
  versions: { engine: "onnxruntime", device: "cpu", onnxruntime: "1.30.0", node: "20.0.0", processor: "A" },
  machine: { processor: "A", cores: 2, memory: 8e9, platform: "linux", arch: "x64" },
  options: { size: "tiny", threads: 2 },
  rates: { before: { multiplyAdds: 5e10, bytes: 2e10 }, after: { multiplyAdds: 4e10, bytes: 2.5e10 } },
  measurements: {
    encode: {
      seconds: [0.2, 0.1, 0.3],
      items: 64,
      unit: "images",
      setUpSeconds: 1,
      multiplyAdds: 5e9,
      peakBytes: 3e8,
      otherLoad: 0.5,
    },
    "sample-8": {
      seconds: [0.01],
      items: 8,
      unit: "codes",
      setUpSeconds: 1,
      multiplyAdds: 1e8,
      work: { weightBytes: 5e7, cacheBytes: 2.5e7, multiplyAdds: 1e8 },
    },
    data: { error: "no images" },
  },
};
