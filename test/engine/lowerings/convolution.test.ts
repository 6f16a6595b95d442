import * as tf from "@tensorflow/tfjs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { trace } from "../../../lib/engine/traceBackend.js";
import "../../../lib/engine/lowerings/index.js";
import "../../../lib/nn/secondGradients.js";
import { type Case, compareEngines } from "../support/compareEngines.js";
import { type Draw, drawFrom, given, repeat, show } from "../support/drawing.js";

const test = suite("convolution lowerings");

type Pad = "valid" | "same" | number | [[number, number], [number, number], [number, number], [number, number]];
type Conv = { x: number[]; kernel: [number, number]; to: number; strides: [number, number]; pad: Pad };

/** Sums of many products of normals: their size grows with the number of terms, so does what rounding may do. */
const TOLERANCE = { absolute: 1e-5, relative: 1e-5 };

function drawConv(draw: Draw): Conv {
  const kernel: [number, number] = [draw.integer(1, 4), draw.chance(0.6) ? 0 : draw.integer(1, 4)];
  kernel[1] ||= kernel[0];
  const size = () => draw.integer(4, 9);
  const x = [draw.integer(1, 3), size(), size(), draw.integer(1, 4)];
  const stride = draw.integer(1, 2);
  const strides: [number, number] = draw.chance(0.2) ? [draw.integer(1, 3), draw.integer(1, 2)] : [stride, stride];
  const edge = () => [draw.integer(0, 2), draw.integer(0, 2)] as [number, number];
  const square = kernel[0] === kernel[1] && strides[0] === strides[1];
  const explicit: Pad = [[0, 0], edge(), edge(), [0, 0]];
  const pads: Pad[] = ["valid", "same", square ? draw.integer(0, 3) : explicit, explicit];
  return { x, kernel, to: draw.integer(1, 5), strides, pad: draw.pick(pads) };
}

const named = ({ x, kernel, to, strides, pad }: Conv, multiplier?: number) =>
  `${multiplier ? "depthwise" : "conv"} ${show(x)} with ${show([...kernel, x[3]!, multiplier ?? to])} strides ${show(strides)} ` +
  `pad ${JSON.stringify(pad)}`;

function convCase(draw: Draw, conv: Conv, gradients: 1 | 2 = 1): Case {
  const { x, kernel, to, strides, pad } = conv;
  const filter = [...kernel, x[3]!, to];
  return {
    name: named(conv),
    operands: [draw.operand(x, { form: "input" }), draw.operand(filter, { form: "input" })],
    f: (image, w) => tf.conv2d(image as tf.Tensor4D, w as tf.Tensor4D, strides, pad),
    gradients,
    tolerance: TOLERANCE,
  };
}

function depthwiseCase(draw: Draw, conv: Conv, gradients: 1 | 2 = 1): Case {
  const multiplier = draw.integer(1, 2);
  const {
    x,
    kernel,
    strides: [stride],
    pad,
  } = conv;
  return {
    name: named({ ...conv, strides: [stride, stride] }, multiplier),
    operands: [draw.operand(x, { form: "input" }), draw.operand([...kernel, x[3]!, multiplier], { form: "input" })],
    f: (image, w) => tf.depthwiseConv2d(image as tf.Tensor4D, w as tf.Tensor4D, stride, pad),
    gradients,
    tolerance: TOLERANCE,
  };
}

test("convolutions of any shape, stride and padding have the right values and gradients", async () => {
  const draw = drawFrom(1, "conv");
  await compareEngines(
    "conv",
    repeat(60, () => convCase(draw, drawConv(draw))),
  );
});

test("second gradients are right as well", async () => {
  const draw = drawFrom(2, "conv twice");
  await compareEngines(
    "conv twice",
    repeat(30, () => convCase(draw, drawConv(draw), 2)),
  );
});

test("wide images, whose taps are cut out with the padding of their rows, give the same filter gradient", async () => {
  const draw = drawFrom(3, "wide");
  const shapes: Conv[] = [
    { x: [2, 5, 33, 3], kernel: [3, 3], to: 2, strides: [1, 1], pad: "same" },
    { x: [1, 6, 40, 2], kernel: [4, 2], to: 3, strides: [1, 1], pad: 2 },
    { x: [3, 4, 30, 1], kernel: [1, 4], to: 2, strides: [1, 1], pad: "valid" },
    { x: [2, 4, 30, 2], kernel: [4, 1], to: 2, strides: [1, 1], pad: "same" },
  ];
  await compareEngines(
    "wide",
    shapes.map((conv) => convCase(draw, conv, 2)),
  );
});

test("filters of one pixel are right at stride 1 and 2, alone and behind another convolution", async () => {
  const draw = drawFrom(4, "pointwise");
  const behind: Case = {
    name: "3x3, leaky, 1x1",
    operands: [
      [2, 6, 5, 3],
      [3, 3, 3, 4],
      [1, 1, 4, 5],
    ].map((shape) => draw.operand(shape, { form: "input" })),
    f: (x, w, v) => {
      const hidden = tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same");
      return tf.conv2d(tf.leakyRelu(hidden, 0.2), v as tf.Tensor4D, 1, "valid");
    },
    tolerance: TOLERANCE,
  };
  const alone = ([1, 2] as const).map((s) =>
    convCase(draw, { x: [2, 5, 6, 3], kernel: [1, 1], to: 4, strides: [s, s], pad: "valid" }, 2),
  );
  await compareEngines("pointwise", [behind, ...alone]);
});

test("graphs for other devices, which lack the fused products, are right too", async () => {
  const draw = drawFrom(5, "webgpu");
  await compareEngines(
    "webgpu",
    repeat(20, () => convCase(draw, drawConv(draw), 2)),
    "webgpu",
  );
});

test("dilated convolutions have the right values", async () => {
  const draw = drawFrom(6, "dilated");
  const cases = repeat(6, (i): Case => {
    const dilation = 2 + (i % 2);
    return {
      name: `dilation ${dilation}`,
      operands: [draw.operand([2, 9, 10, 3], { form: "input" }), draw.operand([3, 2, 3, 4], { form: "input" })],
      f: (x, w) => tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, i < 3 ? "same" : "valid", "NHWC", dilation),
      gradients: 0,
      tolerance: TOLERANCE,
    };
  });
  await compareEngines("dilated", cases);
});

test("depthwise convolutions have the right values, gradients and second gradients", async () => {
  const draw = drawFrom(7, "depthwise");
  await compareEngines(
    "depthwise",
    repeat(40, () => depthwiseCase(draw, drawConv(draw))),
  );
  await compareEngines(
    "depthwise twice",
    repeat(20, () => depthwiseCase(draw, drawConv(draw), 2)),
  );
});

test("a mix of convolutions and operations with other orders of axes in mind is right", async () => {
  const draw = drawFrom(8, "mixed");
  const shapes = [[2, 6, 7, 3], [3, 3, 3, 4], [4], [1, 6, 1, 4], [7, 4], [2, 6, 7, 4], [3, 3, 4, 2]];
  const mixed: Case = {
    name: "conv, biases of several shapes, residual, reductions, conv",
    operands: shapes.map((shape) => draw.operand(shape, { form: "input" })),
    f: (x, w, bias, rows, columns, residual, v) => {
      let y: tf.Tensor = tf.add(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same"), bias!);
      y = tf.mul(tf.add(tf.add(y, rows!), columns!), tf.sigmoid(y));
      const sum = tf.add(residual!, y);
      const centred = tf.sub(sum, tf.mean(sum, [1, 2], true));
      const z = tf.conv2d(centred as tf.Tensor4D, v as tf.Tensor4D, 2, "same");
      return [
        z,
        tf.sum(y),
        tf.sum(y, [0, 1, 2]),
        tf.mean(y, 3),
        tf.sum(y, [0, 3]),
        tf.sum(tf.exp(tf.mul(y, 0.1)), [1, 2], true),
        centred,
      ];
    },
    gradients: 2,
    tolerance: { absolute: 1e-4, relative: 1e-5 },
  };
  const moved: Case = {
    name: "conv and transposes",
    operands: [draw.operand([2, 5, 6, 3], { form: "input" }), draw.operand([3, 3, 3, 4], { form: "input" })],
    f: (x, w) => {
      const y = tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same");
      const flat = tf.reshape(tf.transpose(y, [0, 3, 1, 2]), [2, -1]);
      const back = tf.tanh(tf.transpose(tf.exp(tf.transpose(y, [0, 3, 1, 2])), [0, 2, 3, 1]));
      return [flat, back, tf.transpose(y, [0, 2, 3, 1]), tf.transpose(y, [1, 0, 2, 3]), tf.reverse(y, [1])];
    },
    tolerance: TOLERANCE,
  };
  const one: Case = {
    name: "one channel, one pixel",
    operands: [
      [2, 4, 4, 1],
      [3, 3, 1, 1],
      [4, 4, 1, 3],
    ].map((shape) => draw.operand(shape, { form: "input" })),
    f: (x, w, v) => {
      const y = tf.relu(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same"));
      const pixel = tf.conv2d(y, v as tf.Tensor4D, 1, "valid");
      return [tf.concat([y, y], 3), tf.reshape(tf.square(pixel), [2, 3]), tf.add(y, tf.sum(pixel, 3, true))];
    },
    tolerance: TOLERANCE,
  };
  await compareEngines("mixed", [mixed, moved, one]);
});

test("a gradient that is known to be zero makes no nodes", () => {
  const step = ({ x, w }: Record<string, tf.Tensor>) => {
    const f = () => tf.sum(tf.step(tf.conv2d(x as tf.Tensor4D, w as tf.Tensor4D, 1, "same"))) as tf.Scalar;
    const { grads } = tf.engine().gradients(f, [x!, w!], undefined, true) as { grads: tf.Tensor[] };
    return { dx: grads[0]!, dw: grads[1]! };
  };
  const inputs = {
    x: { dtype: "float32", shape: [1, 4, 4, 2] },
    w: { dtype: "float32", shape: [3, 3, 2, 2] },
  } as const;
  const ops = trace(step, { name: "zero", inputs }, "cpu").nodes.map(({ op }) => op);
  assert.equal(
    [...new Set(ops)].filter((op) => op !== "Expand"),
    [],
  );
});

test("max pooling has the right values and gradients, the first of equal maxima winning", async () => {
  const draw = drawFrom(9, "max pool");
  const cases = repeat(12, (i): Case => {
    const size = 2 + (i % 2);
    const whole = draw.chance(0.5);
    const x = draw.operand([2, 6, draw.integer(6, 8), 3], {
      form: "input",
      ...(whole ? { value: () => draw.integer(0, 2) } : {}),
    });
    const pad = draw.pick(["valid", "same"] as const);
    return {
      name: `max pool ${show(x.shape)} ${size} ${pad}`,
      operands: [x],
      f: (image) => tf.maxPool(image as tf.Tensor4D, size, size, pad),
    };
  });
  const overlapping: Case = {
    name: "overlapping windows, forward",
    operands: [draw.operand([2, 7, 7, 3], { form: "input" })],
    f: (image) => tf.maxPool(image as tf.Tensor4D, 3, 2, 1),
    gradients: 0,
  };
  await compareEngines("max pool", [...cases, overlapping]);
});

test("mean pooling has the right values and gradients", async () => {
  const draw = drawFrom(10, "mean pool");
  const pool = (size: number, stride: number, pad: "valid" | "same" | number, gradients: 0 | 1): Case => ({
    name: `mean pool ${size} stride ${stride} ${pad}`,
    operands: [draw.operand([2, 7, 6, 3], { form: "input" })],
    f: (image) => tf.avgPool(image as tf.Tensor4D, size, stride, pad),
    gradients,
  });
  await compareEngines("mean pool", [
    pool(2, 2, "valid", 1),
    pool(3, 1, "valid", 1),
    pool(3, 2, "valid", 1),
    pool(3, 2, "same", 0),
    pool(2, 1, 1, 0),
  ]);
});

test("what has no lowering is refused in plain words", () => {
  const x = given(
    Array.from({ length: 18 }, () => 1),
    [1, 2, 3, 3],
  );
  const inputs = { x: { dtype: "float32", shape: x.shape } } as const;
  const run = (step: (x: tf.Tensor4D) => tf.Tensor) => () =>
    trace((named) => ({ y: step(named["x"] as tf.Tensor4D) }), { name: "refused", inputs }, "cpu");
  assert.throws(
    run((image) => tf.conv2d(image, tf.ones([1, 1, 2, 1]) as tf.Tensor4D, 1, "valid", "NCHW")),
    /traced with channels last, got NCHW/,
  );
  assert.throws(
    run((image) => tf.conv2d(image, tf.ones([2, 1, 3, 1]) as tf.Tensor4D, 1, 0)),
    /give explicit padding for kernels or strides that are not square/,
  );
  const gradient = (f: (image: tf.Tensor4D) => tf.Tensor) =>
    run((image) => tf.grad((t: tf.Tensor) => f(t as tf.Tensor4D))(image));
  assert.throws(
    gradient((image) => tf.maxPool(image, 2, 1, "valid")),
    /only for windows that do not overlap/,
  );
  assert.throws(
    gradient((image) => tf.avgPool(image, 2, 1, "same")),
    /only without padding/,
  );
});

test.run();
