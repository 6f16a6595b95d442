import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readModel } from "../../../lib/files/readModel.js";
import type { VitVqganConfig } from "../../../lib/models/vitVqgan.js";
import { inTemporaryFolder } from "../../support.js";
import { fail, IMAGES, jsonOf, metricsOf, succeed, trainVq } from "../support/training.js";

const test = suite("commands/run/frozenEncoder");

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
const [tokenizer, tokens] = [path.join(shared, "vq"), path.join(shared, "codes.safetensors")];
test.before(async () => {
  await succeed(trainVq(tokenizer, "--steps", "8"));
  await succeed(["encode", IMAGES, "-t", tokenizer, "-o", tokens, "--limit", "3", "--threads", "1"]);
});
test.after(() => rm(shared, { recursive: true, force: true }));

const train = (out: string, ...more: string[]) => [
  ...["train-vq", IMAGES, "--out", out, "--freeze-encoder", tokenizer],
  ...["--decoder-dim", "16", "--decoder-depth", "2", "--decoder-heads", "2", "--adversarial-weight", "0.1"],
  ...["--discriminator-scale", "0.05", "--batch-size", "4", "--threads", "1", "--checkpoint-every", "2"],
  ...["--lr", "1e-2", "--lr-final", "1e-2", "--warmup", "0", "--log-every", "1"],
  ...more,
];

test("only decoder and discriminator learn, the codes decode with it, and a resumed run ends in the same bytes", () =>
  inTemporaryFolder(async (folder) => {
    const at = (name: string) => path.join(folder, name);
    await succeed(train(at("whole"), "--steps", "4"));
    const [before, after] = await Promise.all([readModel(tokenizer), readModel(at("whole"))]);
    const kept = Object.keys(before.tensors).filter((name) => !name.startsWith("decoder/"));
    assert.ok(kept.includes("quantizer/codebook") && kept.length > 10);
    for (const name of kept) assert.equal(after.tensors[name], before.tensors[name], name);
    const { decoder } = after.config["model"] as VitVqganConfig;
    assert.equal([decoder.dim, decoder.depth], [16, 2]);
    const records = await metricsOf(at("whole"));
    assert.ok(records.every(({ revived }) => revived === 0));
    assert.ok("discriminator" in records[0]!);
    await succeed(["decode", tokens, "-o", at("plain"), "--threads", "1"]);
    await succeed(["decode", tokens, "-o", at("other"), "--decoder", at("whole"), "--threads", "1"]);
    const images = await Promise.all(
      ["plain", "other"].map((name) => readFile(at(path.join(name, "000000.png")), "hex")),
    );
    assert.not.equal(images[0], images[1]);
    await succeed(train(at("parts"), "--steps", "2"));
    await succeed(["train-vq", "--out", at("parts"), "--resume", "--steps", "4"]);
    const [whole, parts] = await Promise.all(["whole", "parts"].map((name) => readModel(at(name))));
    assert.is(parts!.hash, whole!.hash);
  }));

test("--dry-run describes the model; what the frozen run settles is refused", () =>
  inTemporaryFolder(async (folder) => {
    const out = path.join(folder, "x");
    const plan = jsonOf(await succeed(train(out, "--dry-run", "--json")));
    const { model } = plan["config"] as { model: { imageSize: number; codebookSize: number; decoder: object } };
    assert.equal([model.imageSize, model.codebookSize], [28, 32]);
    await fail(
      train(out, "--codebook-size", "64"),
      2,
      /--codebook-size: changes nothing here; it wants a call without/,
    );
    await fail(train(out, "--vq-weight", "2"), 2, /--vq-weight: changes nothing here/);
  }));

test.run();
