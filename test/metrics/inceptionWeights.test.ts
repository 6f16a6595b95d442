import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import { weightsHash, writeHostTensors } from "../../lib/files/hostTensors.js";
import { isPublishedInception, readInception } from "../../lib/metrics/inceptionWeights.js";
import { inceptionParams } from "../../lib/models/foreign/inceptionState.js";
import { hashedInception } from "../models/support/hashedInception.js";
import { expectRejection, inTemporaryFolder } from "../support.js";

const test = suite("metrics/inceptionWeights");

const state = hashedInception();

test("the published file is known by the hash in its name", () => {
  assert.ok(isPublishedInception(`6726825d${"0".repeat(56)}`));
  assert.not(isPublishedInception(`6726825e${"0".repeat(56)}`));
});

test("another file is read all the same, said to be unknown, and is the same network whatever else it holds", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "pt_inception-2015-12-05-6726825d.pth"); // the name alone proves nothing
    const counter = { dtype: "int32", shape: [1], data: Int32Array.of(9) } as const;
    await writeHostTensors(file, { ...state, "Conv2d_1a_3x3.bn.num_batches_tracked": counter }, { note: "converted" });
    const { params, ...identity } = await readInception(file);
    assert.equal(identity, {
      file: "pt_inception-2015-12-05-6726825d.pth",
      sha256: createHash("sha256")
        .update(await readFile(file))
        .digest("hex"),
      known: false,
      network: weightsHash(state),
    });
    assert.is(weightsHash(params), weightsHash(inceptionParams({ what: "state", tensors: state })));
  });
});

test("missing files and other networks are refused, naming the file", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "w");
    await expectRejection(readInception(file), FileError, /w: cannot be read/);
    await writeHostTensors(file, { "fc.bias": state["fc.bias"]! });
    await expectRejection(
      readInception(file),
      FileError,
      /w: these are not weights of Inception v3 .*; missing: Conv2d_1a_3x3\.conv\.weight, .* and 463 more$/,
    );
  });
});

test.run();
