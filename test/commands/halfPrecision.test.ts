/** `--precision float16`, from images to a probe, on a device that has it. */
import { readFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readConfig } from "../../lib/files/runConfig.js";
import { missingHalf } from "../engine/support/webgpu.js";
import { inTemporaryFolder } from "../support.js";
import { done, STAGE_1 } from "./support/imagesToImages.js";

const test = suite(`commands/halfPrecision${missingHalf === undefined ? "" : ` (skipped: ${missingHalf})`}`);
const onDevice = missingHalf === undefined ? test : test.skip;

const HALF = ["--device", "webgpu", "--precision", "float16"];
const images = STAGE_1[1]!;

onDevice("every command takes it; a run says so in its config, and goes on in float32 where that is asked", () =>
  inTemporaryFolder(async (folder) => {
    const at = (name: string) => path.join(folder, name);
    const metrics = async (run: string) =>
      (await readFile(path.join(at(run), "metrics.jsonl"), "utf8"))
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as Record<string, number>);

    const train = [...STAGE_1, "--out", at("vq"), "--log-every", "1", "--checkpoint-every", "1"];
    await done(...train, "--steps", "2", ...HALF);
    const { options, versions } = await readConfig(at("vq"));
    assert.is((options as Record<string, unknown>)["precision"], "float16");
    assert.is((versions as Record<string, unknown>)["precision"], "float16");
    await done(...train, "--steps", "3", "--resume"); // as it was started
    assert.equal(
      (await metrics("vq")).map(({ step, lossScale }) => [step, lossScale! >= 1]),
      [1, 2, 3].map((step) => [step, true]),
    );
    await done(...train, "--steps", "4", "--resume", "--device", "cpu", "--precision", "float32");
    assert.not("lossScale" in (await metrics("vq")).at(-1)!);

    const tokenizer = ["--tokenizer", at("vq")];
    await done("encode", images, ...tokenizer, "--out", at("codes"), "--limit", "32", ...HALF);
    const size = ["--preset", "tiny", "--dim", "16", "--heads", "2", "--depth", "1", "--batch-size", "4"];
    await done("train-vim", at("codes"), "--out", at("vim"), ...size, "--steps", "2", "--log-every", "1", ...HALF);
    assert.ok((await metrics("vim")).every(({ lossScale }) => lossScale! >= 1));
    await done("sample", at("vim"), ...tokenizer, "--out", at("samples"), "--count", "2", ...HALF);
    const sets = ["--train", at("codes"), "--test", at("codes"), "--out", at("probe")];
    await done("probe", at("vim"), ...sets, "--no-random-init", "--no-stage1", "--no-raw-pixels", ...HALF);
  }),
);

test.run();
