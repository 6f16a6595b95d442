import * as tf from "@tensorflow/tfjs";
import { fullPrecision } from "../engine/traceBackend.js";
import type { Engine, Step } from "../engine/types.js";
import type { Evaluation } from "./lbfgs.js";

/** Features [N, D] and class ids [N] in 0..classes-1. */
export type LabelledFeatures = {
  readonly features: Float32Array;
  readonly labels: Int32Array;
  readonly classes: number;
};

/** Regularized softmax regression as a function of its D*C weights followed by its C biases. */
export type SoftmaxObjective = {
  readonly parameters: number;
  evaluate(parameters: Float64Array, l2: number): Promise<Evaluation>;
  dispose(): Promise<void>;
};

/**
 * The step `loss = -mean_n log softmax(x_n W + b)[y_n] + l2/2 |W|^2` and its gradients in closed form, with
 * `R = (softmax(X W + b) - onehot(y)) / N`: `X^T R + l2 W` and the column sums of R. The bias is not penalized.
 *
 * Inputs `features` [N, D], `labels` int32 [N], `weights` [D, C], `bias` [C], `l2` []; results `loss` [],
 * `weightsGradient` [D, C], `biasGradient` [C].
 */
export function softmaxStep({ rows, classes }: { rows: number; classes: number }): Step {
  return ({ features, labels, weights, bias, l2 }) => {
    const logits = tf.add(
      fullPrecision(() => tf.matMul(features!, weights!)),
      bias!,
    ); // [N, C]
    const targets = tf.oneHot(labels!, classes, 1, 0, "float32"); // [N, C]
    const logLikelihoods = tf.sum(tf.mul(targets, tf.logSoftmax(logits)), 1); // [N]
    const penalty = tf.mul(tf.mul(l2!, 0.5), tf.sum(tf.mul(weights!, weights!)));
    const residuals = tf.mul(tf.sub(tf.softmax(logits), targets), 1 / rows); // [N, C]
    const products = fullPrecision(() => tf.matMul(residuals, features!, true)); // [C, D]
    const correlation = tf.transpose(products); // X^T R, some 3 times faster than as written
    return {
      loss: tf.sub(penalty, tf.mul(tf.sum(logLikelihoods), 1 / rows)),
      weightsGradient: tf.add(correlation, tf.mul(l2!, weights!)),
      biasGradient: tf.sum(residuals, 0),
    };
  };
}

/**
 * Compiles the objective for one set of features; `l2` may change from call to call.
 * @throws RangeError when features or labels do not fit
 */
export async function compileSoftmaxObjective(engine: Engine, data: LabelledFeatures): Promise<SoftmaxObjective> {
  const { features, labels, classes: C } = data;
  const { N, D } = expectLabelled("softmax regression", data);
  const program = await engine.compile(softmaxStep({ rows: N, classes: C }), {
    name: "softmax regression",
    inputs: {
      features: { dtype: "float32", shape: [N, D] },
      labels: { dtype: "int32", shape: [N] },
      weights: { dtype: "float32", shape: [D, C] },
      bias: { dtype: "float32", shape: [C] },
      l2: { dtype: "float32", shape: [] },
    },
  });
  return {
    parameters: (D + 1) * C,
    async evaluate(parameters, l2) {
      const { loss, weightsGradient, biasGradient } = await program.run({
        features: { dtype: "float32", shape: [N, D], data: features },
        labels: { dtype: "int32", shape: [N], data: labels },
        weights: { dtype: "float32", shape: [D, C], data: Float32Array.from(parameters.subarray(0, D * C)) },
        bias: { dtype: "float32", shape: [C], data: Float32Array.from(parameters.subarray(D * C)) },
        l2: { dtype: "float32", shape: [], data: Float32Array.of(l2) },
      });
      const gradient = new Float64Array((D + 1) * C);
      gradient.set(weightsGradient!.data);
      gradient.set(biasGradient!.data, D * C);
      return { value: loss!.data[0]!, gradient };
    },
    dispose: () => program.dispose(),
  };
}

/**
 * Sizes of labelled features.
 * @throws RangeError, starting with `what`, when there are no rows, they do not divide, or a label is outside its range
 */
export function expectLabelled(
  what: string,
  { features, labels, classes }: LabelledFeatures,
): { N: number; D: number } {
  const N = labels.length;
  const D = features.length / N;
  if (!Number.isInteger(D) || D === 0)
    throw new RangeError(`${what}: want the same number of features for each of ${N} labels, got ${features.length}`);
  const wrong = labels.findIndex((label) => !(label >= 0 && label < classes));
  if (wrong >= 0) throw new RangeError(`${what}: row ${wrong} has label ${labels[wrong]}, want 0..${classes - 1}`);
  return { N, D };
}
