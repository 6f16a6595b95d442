import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { withBackend } from "../../lib/engine/eager.js";
import { repairKernels } from "../../lib/engine/tensorflowKernels.js";
import { normals, numbersOf, tensorOf } from "../nn/support/eager.js";
import { expectClose } from "../support.js";

const test = suite("engine/tensorflowKernels");

/** The JavaScript backend under TensorFlow's name, with the refusals of tfjs-node 4.22. */
function refusingBackend(): void {
  const backendName = "tensorflow";
  tf.copyRegisteredKernels("cpu", backendName);
  tf.registerBackend(backendName, () => tf.findBackendFactory("cpu")());
  const refuse = (kernelName: string, wrong: (attributes: Record<string, unknown>) => boolean) => {
    const { kernelFunc } = tf.getKernel(kernelName, backendName)!;
    tf.unregisterKernel(kernelName, backendName);
    tf.registerKernel({
      kernelName,
      backendName,
      kernelFunc: (call) => {
        if (wrong(call.attrs ?? {})) throw new Error(`${kernelName} was refused`);
        return kernelFunc(call);
      },
    });
  };
  for (const kernel of [tf.Conv2D, tf.Conv2DBackpropFilter, tf.Conv2DBackpropInput])
    refuse(kernel, ({ pad }) => pad !== "valid" && pad !== "same");
  refuse(tf.GatherV2, ({ axis }) => (axis as number) < 0);
}

const [IMAGES, FILTER] = [normals(1, [2, 7, 6, 3]), normals(2, [4, 4, 3, 2])];

type Pad = "same" | "valid" | number | tf.backend_util.ExplicitPadding;

/** A convolution and its gradients by images and filter, under a gradient of the values themselves. */
function convolution(backend: string, stride: number, pad: Pad) {
  return withBackend(backend, () =>
    tf.tidy(() => {
      const loss = (x: tf.Tensor, w: tf.Tensor) => {
        const y = tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, stride, pad);
        return tf.div(tf.sum(tf.square(y)), 2) as tf.Scalar;
      };
      const [x, w] = [tensorOf(IMAGES), tensorOf(FILTER)];
      const { value, grads } = tf.valueAndGrads(loss)([x, w]);
      return [value, ...grads].map(numbersOf);
    }),
  );
}

const around: Pad = [
  [0, 0],
  [1, 2],
  [0, 3],
  [0, 0],
];
const PADS: readonly Pad[] = [1, 2, around, "same", "valid"];

test("before the repair the stand-in refuses what tfjs-node does", () => {
  refusingBackend();
  assert.throws(() => convolution("tensorflow", 1, 1), "Conv2D was refused");
});

test("convolutions padded by any number of pixels are computed, and so are their gradients", () => {
  repairKernels();
  for (const stride of [1, 2])
    for (const pad of PADS) {
      const [got, want] = [convolution("tensorflow", stride, pad), convolution("cpu", stride, pad)];
      want.forEach((numbers, i) => {
        expectClose(got[i]!, numbers, `${["value", "dx", "dw"][i]}, stride ${stride}, pad ${JSON.stringify(pad)}`, {
          relative: 1e-6,
        });
      });
    }
});

test("an axis may be counted from the end", () => {
  const columns = withBackend("tensorflow", () =>
    tf.tidy(() => numbersOf(tf.gather(tf.tensor2d([1, 2, 3, 4], [2, 2]), tf.tensor1d([1], "int32"), -1))),
  );
  assert.equal(columns, [2, 4]);
});

test("a second repair changes nothing, and no tensor stays behind", () => {
  const { kernelFunc } = tf.getKernel(tf.Conv2D, "tensorflow")!;
  repairKernels();
  assert.is(tf.getKernel(tf.Conv2D, "tensorflow")!.kernelFunc, kernelFunc);
  const before = tf.memory().numTensors;
  convolution("tensorflow", 2, 1);
  assert.is(tf.memory().numTensors, before);
});

test.run();
