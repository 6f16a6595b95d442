import { createHash } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fileHash } from "../../lib/files/fileHash.js";
import { inTemporaryFolder } from "../support.js";
import { writeBytes } from "./torch/torchSupport.js";

const test = suite("file hash");

test("it is SHA-256, also of files longer than one read", () =>
  inTemporaryFolder(async (folder) => {
    const abc = await writeBytes(folder, "abc", Buffer.from("abc")); // FIPS 180-2, appendix B.1
    assert.is(await fileHash(abc), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    const bytes = Buffer.alloc(2 ** 20 + 17, 7);
    const long = await writeBytes(folder, "long", bytes);
    assert.is(await fileHash(long), createHash("sha256").update(bytes).digest("hex"));
  }));

test.run();
