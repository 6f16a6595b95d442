import type { Engine, NamedHostTensors } from "../engine/types.js";
import type { TokenizerConfig } from "../models/tokenizer.js";
import { sizeOf } from "../shapes.js";
import { MODEL, withPrefix } from "./named.js";
import { compilePlan, reconstructionPlan } from "./plans.js";

export type Reconstructor = {
  /**
   * Images [N, H, W, C] encoded, quantized and decoded, clipped to [0, 1]; any N.
   * @param weights by name
   */
  reconstruct(weights: NamedHostTensors, images: Float32Array): Promise<Float32Array>;
  close(): Promise<void>;
};

/** Compiles reconstruction with weights as inputs, for models that are still in training. */
export async function createReconstructor(options: {
  readonly engine: Engine;
  readonly model: TokenizerConfig;
  readonly batchSize: number;
}): Promise<Reconstructor> {
  const { engine, model, batchSize } = options;
  const shape = [batchSize, model.imageSize, model.imageSize, model.channels];
  const program = await compilePlan(engine, reconstructionPlan(model, batchSize));
  const perBatch = sizeOf(shape);
  return {
    async reconstruct(weights, images) {
      const feeds = withPrefix(MODEL, weights);
      const out = new Float32Array(images.length);
      for (let at = 0; at < images.length; at += perBatch) {
        const batch = new Float32Array(perBatch); // the last one may be short: the rest stays black
        batch.set(images.subarray(at, at + perBatch));
        const results = await program.run({ ...feeds, images: { dtype: "float32", shape, data: batch } });
        out.set((results["reconstructions"]!.data as Float32Array).subarray(0, images.length - at), at);
      }
      return out;
    },
    close: () => program.dispose(),
  };
}
