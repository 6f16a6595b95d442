import { writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readClassNames } from "../../lib/data/classNames.js";
import { openSource } from "../../lib/data/source.js";
import { DataError } from "../../lib/errors.js";
import { expectRejection, fixture, inTemporaryFolder } from "../support.js";

const test = suite("class names");

test("names are read one a line, without surrounding space", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "names.txt");
    await writeFile(file, "cat\r\n dog \nT-shirt/top\n\n");
    assert.equal(await readClassNames(file, 3), ["cat", "dog", "T-shirt/top"]);
  });
});

test("a missing file, an empty line and too few names are refused by name", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "names.txt");
    await expectRejection(readClassNames(file, 1), DataError, /cannot read class names .*names\.txt/);
    await writeFile(file, "cat\n\ndog\n");
    await expectRejection(readClassNames(file, 1), DataError, /line 2 is empty/);
    await writeFile(file, "cat\n");
    await expectRejection(readClassNames(file, 2), DataError, /each of 2 classes, got 1/);
  });
});

test("classes.txt beside an IDX file names its classes", async () => {
  const source = await openSource(fixture("fashion-mnist-mini", "t10k-images-idx3-ubyte.gz"));
  assert.is(source.classNames?.length, 10);
  assert.is(source.classNames?.[9], "boot");
});

test.run();
