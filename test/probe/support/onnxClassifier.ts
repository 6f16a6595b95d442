/** Small classifiers of images as ONNX files. */
import { writeFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs";
import { exportStep } from "../../../lib/engine/exportStep.js";

export type SmallClassifier = {
  readonly layout: "NCHW" | "NHWC";
  readonly side: number;
  readonly batch: number;
  readonly softmax?: boolean;
};

/** Scores [B, 3] that are ten times the mean red, green and blue of what comes in; or their softmax. */
export async function writeColourClassifier(file: string, classifier: SmallClassifier): Promise<string> {
  const { layout, side, batch, softmax = false } = classifier;
  const shape = layout === "NCHW" ? [batch, 3, side, side] : [batch, side, side, 3];
  const { model } = exportStep(
    ({ pixels }) => {
      const scores = tf.mul(tf.mean(pixels!, layout === "NCHW" ? [2, 3] : [1, 2]), 10);
      return { scores: softmax ? tf.softmax(scores) : scores };
    },
    { name: "colours", inputs: { pixels: { dtype: "float32", shape } } },
  );
  await writeFile(file, model);
  return file;
}
