import { writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import { outputsOf, readClassifierSpec } from "../../lib/probe/classifierSpec.js";
import { expectRejection, inTemporaryFolder } from "../support.js";

const test = suite("probe/classifierSpec");

test("reads every field, and says which outputs stand for a class", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "net.json");
    const spec = {
      ...{ layout: "NHWC", size: 224, resize: 256, kernel: "cubic", range: [0, 255], mean: [1, 2, 3], std: [2] },
      ...{ outputName: "scores", output: "logits", classNames: ["tabby", "beagle"], classIndex: { cat: [281, 282] } },
    };
    await writeFile(file, JSON.stringify(spec));
    const read = await readClassifierSpec(file);
    assert.equal(read, spec);
    assert.equal(outputsOf(read, "cat"), [281, 282]);
    assert.equal(outputsOf(read, "beagle"), [1]);
    assert.equal([outputsOf(read, "owl"), outputsOf(read, "constructor")], [[], []]);
    assert.equal(
      outputsOf({ classIndex: { beagle: 0 }, classNames: ["x", "beagle"] }, "beagle"),
      [0],
      "the index wins",
    );
  }));

test("what is no spec is refused with field, rule and value", () =>
  inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "net.json");
    const names = { classNames: ["a", "b"] };
    const refusals: [unknown, RegExp][] = [
      [[1], /as a JSON object/],
      [{ ...names, means: [1] }, /unknown field "means"; there are layout, size/],
      [{ ...names, std: [0] }, /std: want a list of 1 or 3 numbers above 0, got \[0\]/],
      [{ ...names, mean: [1, 2] }, /mean: want a list of 1 or 3 numbers/],
      [{ ...names, range: [1, 1] }, /range: want two different numbers/],
      [{ ...names, layout: "NWHC" }, /layout: want one of NCHW, NHWC, got "NWHC"/],
      [{ ...names, size: 0 }, /size: want a whole number of pixels/],
      [{ classIndex: { cat: -1 } }, /classIndex: want an object of output numbers/],
      [{ mean: [0] }, /want classNames, the names of the outputs, or classIndex/],
    ];
    for (const [spec, pattern] of refusals) {
      await writeFile(file, JSON.stringify(spec));
      await expectRejection(readClassifierSpec(file), FileError, pattern);
    }
    await writeFile(file, "{");
    await expectRejection(readClassifierSpec(file), FileError, /net\.json: the classifier's spec is not JSON/);
    await expectRejection(readClassifierSpec(path.join(folder, "none.json")), FileError, /none\.json.* cannot be read/);
  }));

test.run();
