/** One case for each kernel of images; convolution.test.ts has many more. */
import * as tf from "@tensorflow/tfjs";
import { blur } from "../../../../lib/nn/blur.js";
import type { CaseGroups } from "../../support/compareEngines.js";
import { drawFrom } from "../../support/drawing.js";

const draw = drawFrom(10, "images");

const IMAGES = [2, 6, 5, 3];
const images = () => draw.operand(IMAGES);

/** Known while tracing to have channels first. */
const turned = (x: tf.Tensor) => tf.exp(tf.transpose(x, [0, 2, 3, 1]));

export const cases: CaseGroups = {
  "convolutions, plain and depthwise, agree in value and gradients": [
    {
      name: "conv2d",
      operands: [images(), draw.operand([3, 3, 3, 4])],
      f: (x, filter) => tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 2, "same"),
    },
    {
      name: "depthwiseConv2d",
      operands: [images(), draw.operand([3, 2, 3, 2])],
      f: (x, filter) => tf.depthwiseConv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, "same"),
    },
    { name: "blur", operands: [images()], f: (x) => blur(x!, { pad: 2, stride: 2 }), gradients: 2 },
  ],
  "pooling agrees in value and gradients": [
    { name: "maxPool", operands: [images()], f: (x) => tf.maxPool(x as tf.Tensor4D, 2, 2, "valid") },
    { name: "avgPool", operands: [images()], f: (x) => tf.avgPool(x as tf.Tensor4D, 2, 2, "valid") },
  ],
  "booleans follow images from one order of axes to the other": [
    {
      name: "a mask made before a convolution chooses after it",
      operands: [images(), draw.operand([3, 3, 3, 3]), draw.operand(IMAGES, { dtype: "bool" })],
      f: (x, filter, mask) => {
        const positive = tf.logicalAnd(mask!, tf.greater(x!, 0));
        const y = tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, "same");
        return [tf.where(positive, y, tf.zerosLike(y)), tf.cast(positive, "int32")];
      },
      gradients: 0,
    },
    {
      name: "a mask made of a convolution chooses among others",
      operands: [images(), draw.operand([3, 3, 3, 3]), images()],
      f: (x, filter, other) => {
        const y = tf.greater(tf.conv2d(x as tf.Tensor4D, filter as tf.Tensor4D, 1, "same"), 0);
        return [tf.where(y, x!, other!), tf.slice(y, [0, 1, 1, 0], [2, 2, 2, 3])];
      },
      gradients: 0,
    },
    {
      name: "a mask of images that were turned chooses rows",
      operands: [draw.operand([1, 3, 2, 2], { form: "input" }), draw.operand([12], { form: "input" })],
      f: (x, rows) => tf.where(tf.reshape(tf.greater(turned(x!), 1), [12]), rows!, tf.zerosLike(rows!)),
      gradients: 0,
    },
  ],
};
