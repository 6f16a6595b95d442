/**
 * Importing this module teaches tfjs the gradients of convolution gradients that it lacks, so that a loss may
 * contain gradients (R1, path length).
 */
import * as tf from "@tensorflow/tfjs";

type Strides = number | [number, number];
type Pad = "valid" | "same" | number | tf.backend_util.ExplicitPadding;
type ConvAttributes = { strides: Strides; pad: Pad; dataFormat: "NHWC" | "NCHW"; dimRoundingMode?: Rounding };
type DepthwiseAttributes = { strides: Strides; pad: Pad; dilations?: Strides; dimRoundingMode?: Rounding };
type Rounding = "floor" | "round" | "ceil";

/** `dw = x (*) dy` is linear in both: by x it is the gradient by an input, by dy the convolution itself. */
register("Conv2DBackpropFilter", ["x", "dy"], (ddw, [x, dy], attributes) => {
  const { strides, pad, dataFormat, dimRoundingMode } = attributes as unknown as ConvAttributes;
  return {
    x: () => {
      const attrs = { ...attributes, inputShape: x!.shape };
      return tf.engine().runKernel("Conv2DBackpropInput", { dy: dy!, filter: ddw }, attrs);
    },
    dy: () => tf.conv2d(x as tf.Tensor4D, ddw as tf.Tensor4D, strides, pad, dataFormat, 1, dimRoundingMode),
  };
});

/** `dx = w^T (*) dy`: by dy the convolution itself, by w the gradient by a filter. */
register("DepthwiseConv2dNativeBackpropInput", ["dy", "filter"], (ddx, [dy, filter], attributes) => {
  const { strides, pad, dilations = 1, dimRoundingMode } = attributes as unknown as DepthwiseAttributes;
  const images = ddx as tf.Tensor4D;
  return {
    dy: () => tf.depthwiseConv2d(images, filter as tf.Tensor4D, strides, pad, "NHWC", dilations, dimRoundingMode),
    filter: () => {
      const attrs = { ...attributes, filterShape: filter!.shape };
      return tf.engine().runKernel("DepthwiseConv2dNativeBackpropFilter", { x: images, dy: dy! }, attrs);
    },
  };
});

/** `dw = x (*) dy` for every channel, as above. */
register("DepthwiseConv2dNativeBackpropFilter", ["x", "dy"], (ddw, [x, dy], attributes) => {
  const { strides, pad, dilations = 1, dimRoundingMode } = attributes as unknown as DepthwiseAttributes;
  return {
    x: () => {
      const attrs = { ...attributes, inputShape: x!.shape };
      return tf.engine().runKernel("DepthwiseConv2dNativeBackpropInput", { dy: dy!, filter: ddw }, attrs);
    },
    dy: () => {
      const images = x as tf.Tensor4D;
      return tf.depthwiseConv2d(images, ddw as tf.Tensor4D, strides, pad, "NHWC", dilations, dimRoundingMode);
    },
  };
});

type GradientOf = (dy: tf.Tensor, saved: tf.Tensor[], attributes: object) => Record<string, () => tf.Tensor>;

function register(kernelName: string, inputsToSave: string[], gradient: GradientOf): void {
  if (tf.getGradient(kernelName)) return;
  tf.registerGradient({
    kernelName,
    inputsToSave,
    gradFunc: (dy, saved, attributes) => gradient(dy as tf.Tensor, saved, attributes),
  });
}
