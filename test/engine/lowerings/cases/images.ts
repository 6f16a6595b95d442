/** One case for each kernel of images; convolution.test.ts has many more. */
import * as tf from "@tensorflow/tfjs";
import { blur } from "../../../../lib/nn/blur.js";
import type { CaseGroups } from "../../support/compareEngines.js";
import { drawFrom } from "../../support/drawing.js";

const draw = drawFrom(10, "images");

const IMAGES = [2, 6, 5, 3];
const images = () => draw.operand(IMAGES);

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
};
