import { writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openOnnxModel } from "../../lib/engine/onnxModel.js";
import { FileError } from "../../lib/errors.js";
import { writeColourClassifier } from "../probe/support/onnxClassifier.js";
import { expectClose, expectRejection, inTemporaryFolder } from "../support.js";

const test = suite("engine/onnxModel");

test("says what goes in and comes out, and runs", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "net.onnx");
    const model = await openOnnxModel(await writeColourClassifier(file, { layout: "NHWC", side: 1, batch: 2 }));
    assert.equal(model.inputs, [{ name: "pixels", type: "float32", shape: [2, 1, 1, 3] }]);
    assert.equal(model.outputs, [{ name: "scores", type: "float32", shape: [2, 3] }]);
    const data = Float32Array.of(0, 1, 2, 3, 4, 5);
    const scores = await model.run({ pixels: { dtype: "float32", shape: [2, 1, 1, 3], data } }, "scores");
    expectClose(scores.data, [0, 10, 20, 30, 40, 50], "scores", { absolute: 1e-5 });
    const other = { dtype: "float32", shape: [1, 2, 1, 3], data } as const;
    await expectRejection(model.run({ pixels: other }, "scores"), FileError, /net\.onnx: it does not run: /);
    await model.close();
  }));

test("files that are none are refused by name", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "net.onnx");
    await expectRejection(openOnnxModel(file), FileError, /net\.onnx: no such ONNX file/);
    await writeFile(file, "not a model");
    await expectRejection(openOnnxModel(file), FileError, /net\.onnx: not an ONNX model that ONNX Runtime can run/);
  }));

test.run();
