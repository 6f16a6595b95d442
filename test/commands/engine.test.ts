/** `--engine tensorflow`, from images to new images, beside the default engine. */
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { readConfig } from "../../lib/files/runConfig.js";
import { missing } from "../engine/support/tensorflow.js";
import { inTemporaryFolder, vitvq } from "../support.js";
import { done, expectSameImages, STAGE_1 } from "./support/imagesToImages.js";

const without = missing === undefined ? "" : " (TensorFlow is not here: what needs it is skipped)";
const test = suite(`commands/engine${without}`);
const real = missing === undefined ? test : test.skip;

const TENSORFLOW = ["--engine", "tensorflow"];

real("TensorFlow gives the same from images to new images, and the same accuracy to probes of every block", () =>
  inTemporaryFolder(async (folder) => {
    const at = (name: string) => path.join(folder, name);
    await expectSameImages(folder, TENSORFLOW);
    const { versions } = await readConfig(at("other"));
    const { engine, tensorflow } = versions as Record<string, string>;
    assert.is(engine, "tensorflow");
    assert.match(tensorflow ?? "", /^2\.\d+\.\d+/);

    const probe = ["probe", at("cpu-vim"), "--train", at("cpu.codes"), "--test", at("cpu.codes"), "--json"];
    const accuracies = async (out: string, ...on: string[]) => {
      const printed = await done(...probe, "--tokenizer", at("cpu"), "--out", at(out), ...on);
      const { blocks, best } = JSON.parse(printed) as Record<string, unknown>;
      return { blocks, best };
    };
    assert.equal(await accuracies("other-probe", ...TENSORFLOW), await accuracies("cpu-probe"));
  }),
);

real("doctor says that it works", async () => {
  const { engines } = JSON.parse(await done("doctor", "--json")) as { engines: { engine: string; works: boolean }[] };
  assert.is(engines.find(({ engine }) => engine === "tensorflow")?.works, true);
});

test("a package that does not work costs a sentence and exit code 6", () =>
  inTemporaryFolder(async (folder) => {
    const broken = new URL("./support/brokenTensorflow.js", import.meta.url).href;
    const run = path.join(folder, "run");
    const env = { NODE_OPTIONS: `--import ${broken}` };
    const { status, stdout, stderr } = await vitvq([...STAGE_1, "--out", run, ...TENSORFLOW], { env });
    assert.is(status, 6, stderr);
    assert.is(stdout, "");
    // The package's own words, or on a Node where those have a known reason, that reason.
    const words = /^vitvq: engine tensorflow is not available: .*(isNullOrUndefined|breaks on Node 23).*\n$/;
    assert.match(stderr, words);
  }));

test.run();
