/** What it takes to make the train step of a VIM of any size ready, without its weights: they are inputs of the graph. */
import ort from "onnxruntime-node";
import "../lib/engine/lowerings/index.js";
import { writeSplitModel } from "../lib/engine/onnx.js";
import { sessionOptions } from "../lib/engine/onnxruntime.js";
import { trace } from "../lib/engine/traceBackend.js";
import { type SizeName, VIM_SIZES } from "../lib/models/sizes.js";
import { type VimConfig, vimSpec } from "../lib/models/vim.js";
import { countParameters, flattenSpecs } from "../lib/nn/params.js";
import { peakBytes } from "../lib/speed/peakBytes.js";
import { priorPlan } from "../lib/train/plans.js";

export type GraphCost = {
  readonly parameters: number;
  readonly nodes: number;
  readonly modelBytes: number;
  /** Seconds of the step's single run on symbols, of writing the graph down, and of making a session of it. */
  readonly traceSeconds: number;
  readonly writeSeconds: number;
  readonly sessionSeconds: number;
  /** Most resident memory, and what of it was there before. */
  readonly peakBytes: number;
  readonly baseBytes: number;
};

/** The paper's codes of a 256 x 256 image, and ImageNet's classes. */
const CODES = { grid: [32, 32], vocabulary: 8192, classes: 1000, positions: "rowcol" } as const;

/**
 * Makes a train step as `train-vim` does, with dropout, a batch of one, and in the parts that the engine hides. Nothing is run.
 */
export async function graphCost(size: SizeName, threads: number): Promise<GraphCost> {
  const model: VimConfig = { ...VIM_SIZES[size], ...CODES };
  const baseBytes = process.memoryUsage().rss;
  const times = [performance.now()];
  const { step, options } = priorPlan(model, { dropout: 0.1, batchSize: 1 });
  const graph = trace(step, options, "cpu");
  times.push(performance.now());
  const { model: bytes, files } = writeSplitModel(graph);
  times.push(performance.now());
  const session = await ort.InferenceSession.create(bytes, { ...sessionOptions({ threads }), externalData: files });
  times.push(performance.now());
  await session.release();
  const [traceSeconds, writeSeconds, sessionSeconds] = times.slice(1).map((time, i) => (time - times[i]!) / 1000);
  return {
    parameters: countParameters(flattenSpecs(vimSpec(model))),
    nodes: graph.nodes.length,
    modelBytes: bytes.length,
    traceSeconds: traceSeconds!,
    writeSeconds: writeSeconds!,
    sessionSeconds: sessionSeconds!,
    peakBytes: peakBytes(),
    baseBytes,
  };
}
