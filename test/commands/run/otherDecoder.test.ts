import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadDecoder } from "../../../commands/run/otherDecoder.js";
import { loadTokenizer } from "../../../commands/support/models.js";
import { FileError, UsageError } from "../../../lib/errors.js";
import { readModel } from "../../../lib/files/readModel.js";
import { openRun } from "../../../lib/files/runDirectory.js";
import { expectRejection, inTemporaryFolder } from "../../support.js";
import { drawableVim } from "../support/drawableVim.js";
import { writeTokenizer } from "../support/smallTokenizer.js";
import { fail, succeed } from "../support/training.js";

const test = suite("commands/run/otherDecoder");

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
const { vim, tokenizer } = await drawableVim(shared);
const [foreign, larger, decoder] = await Promise.all([
  writeTokenizer(path.join(shared, "foreign"), { seed: 2 }),
  writeTokenizer(path.join(shared, "larger"), { imageSize: 64 }),
  writeWithCodebook(path.join(shared, "decoder")),
]);
test.after(() => rm(shared, { recursive: true, force: true }));

/** Other weights, but the codebook of the tokenizer. */
async function writeWithCodebook(folder: string): Promise<string> {
  const other = await readModel(await writeTokenizer(path.join(shared, "other"), { seed: 3 }));
  const { "quantizer/codebook": codebook } = (await readModel(tokenizer)).tensors;
  const run = await openRun(folder, { mode: "new", command: "train-vq" });
  await run.writeConfig(other.config);
  await run.finish({ ...other.tensors, "quantizer/codebook": codebook! }, { step: 1 });
  await run.close();
  return folder;
}

test("a decoder of the same codebook is taken, of another codebook or grid, or the same run, it is not", async () => {
  const made = await loadTokenizer(tokenizer);
  assert.is(await loadDecoder(undefined, made), made);
  assert.not.equal((await loadDecoder(decoder, made)).hash, made.hash);
  await expectRejection(loadDecoder(foreign, made), FileError, /its codebook \(quantizer\/\*: .* is not the one of/);
  await expectRejection(
    loadDecoder(larger, made),
    FileError,
    /want a decoder of \d+x\d+x3 images from 4 x 4 codes .* got one of .* 8 x 8/,
  );
  await expectRejection(loadDecoder(tokenizer, made), UsageError, /--decoder: changes nothing here/);
});

test("sample and decode make the same images with it, others than without", () =>
  inTemporaryFolder(async (folder) => {
    const at = (name: string) => path.join(folder, name);
    const codes = at("codes.safetensors");
    const flags = ["--count", "2", "--threads", "1"];
    await succeed(["sample", vim, "-o", at("plain"), ...flags]);
    await succeed(["sample", vim, "-o", at("other"), "--decoder", decoder, "--tokens-out", codes, ...flags]);
    await succeed(["decode", codes, "-o", at("decoded"), "--decoder", decoder, "--threads", "1"]);
    const [plain, other, decoded] = await Promise.all(
      ["plain", "other", "decoded"].map((name) => readFile(path.join(at(name), "000001.png"), "base64")),
    );
    assert.is(decoded, other);
    assert.not.equal(plain, other);
    const index = JSON.parse(await readFile(path.join(at("other"), "index.json"), "utf8")) as { decoder: string };
    assert.is(index.decoder, decoder);
    await fail(["sample", vim, "-o", at("x"), "--decoder", foreign], 4, /--freeze-encoder/);
    await fail(["decode", codes, "-o", at("x"), "--decoder", foreign], 4, /its codebook/);
  }));

test.run();
