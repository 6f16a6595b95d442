/** How well a frozen VIM predicts codes, position by position. */
import * as tf from "@tensorflow/tfjs";
import { type BatchPlan, compileBatched } from "../engine/batched.js";
import type { Engine, NamedHostTensors, Step } from "../engine/types.js";
import { weightFeeds, withWeights } from "../engine/weightFeeds.js";
import { sequenceLength, type VimConfig, vimForward, vimSpec } from "../models/vim.js";
import { paramTree } from "../nn/params.js";

export type CodeLikelihoodOptions = {
  readonly engine: Engine;
  readonly model: VimConfig;
  readonly weights: NamedHostTensors;
  /** Whether the weights are given up: their data are empty where they were built in. */
  readonly givesUpWeights?: boolean;
  /** Most rows in one run of the graph. */
  readonly batchSize: number;
};

/** Of rows of codes, [N, T] each. */
export type Predictions = {
  /** `-ln p(code | class, codes before it)`, in nats. */
  readonly nll: Float32Array;
  /** 1 where the code was the likeliest one, the first of equals, else 0. */
  readonly hits: Float32Array;
};

export type CodeLikelihood = {
  /**
   * @param codes [N * T]
   * @param classIds [N] in 0..classes, the last meaning "no class"
   * @throws RangeError when the two are not of the same rows
   */
  measure(codes: Int32Array, classIds: Int32Array): Promise<Predictions>;
  close(): Promise<void>;
};

/** Compiles the teacher-forced pass, without dropout, as far as what it says of each code. */
export async function createCodeLikelihood(options: CodeLikelihoodOptions): Promise<CodeLikelihood> {
  const { engine, model, weights, batchSize, givesUpWeights: givesUpConstants = false } = options;
  const T = sequenceLength(model);
  const { options: held, feeds } = weightFeeds(weights);
  const step = predictionStep(model);
  const plan: BatchPlan = (B) => {
    const inputs = { imageCodes: { dtype: "int32", shape: [B, T] }, classIds: { dtype: "int32", shape: [B] } } as const;
    return { step, options: withWeights(held, { name: "likelihood", inputs, givesUpConstants }) };
  };
  const items = ["imageCodes", "classIds"];
  const { run, close } = await compileBatched({ engine, plan, items, most: batchSize, feeds });
  return {
    async measure(imageCodes, classIds) {
      const rows = classIds.length;
      if (imageCodes.length !== rows * T)
        throw new RangeError(`likelihood: want ${T} codes for each of ${rows} rows, got ${imageCodes.length} codes`);
      const nothing = { nll: new Float32Array(0), hits: new Float32Array(0) };
      return { ...nothing, ...(await run({ imageCodes, classIds })) } as Predictions;
    },
    close,
  };
}

/** Inputs: the weights, `imageCodes` int32 [B, T] ("codes" is the name of their embeddings), `classIds` int32 [B]. */
function predictionStep(model: VimConfig): Step {
  return (inputs) => {
    const codes = inputs["imageCodes"]!;
    const params = paramTree(vimSpec(model), inputs);
    const { logits } = vimForward(params, model, { classIds: inputs["classIds"]!, codes }); // [B, T, K]
    const [rows, K] = [codes.shape[0]! * codes.shape[1]!, model.vocabulary];
    const scores = tf.reshape(logits, [rows, K]);
    const targets = tf.reshape(codes, [rows]) as tf.Tensor1D;
    const own = tf.mul(tf.logSoftmax(scores), tf.oneHot(targets, K, 1, 0, "float32"));
    return {
      nll: tf.neg(tf.sum(own, 1)),
      hits: tf.cast(tf.equal(tf.argMax(scores, 1), targets), "float32"),
    };
  };
}
