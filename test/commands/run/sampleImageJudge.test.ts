import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openImageJudge } from "../../../commands/run/sampleImageJudge.js";
import { FileError, UsageError } from "../../../lib/errors.js";
import { writeColourClassifier } from "../../probe/support/onnxClassifier.js";
import { expectClose, expectRejection, inTemporaryFolder } from "../../support.js";
import { drawableVim } from "../support/drawableVim.js";
import { succeed } from "../support/training.js";

const test = suite("commands/run/sampleImageJudge");

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
const { vim } = await drawableVim(shared);
const net = await writeColourClassifier(path.join(shared, "net.onnx"), { layout: "NCHW", side: 32, batch: 3 });
test.after(() => rm(shared, { recursive: true, force: true }));

type Kept = { file: string; className: string; seed: number; confidence: number };
type Index = { images: Kept[]; rejection: { classifier: string; acceptance: number; sha256: string } };

const indexOf = async (out: string) => JSON.parse(await readFile(path.join(out, "index.json"), "utf8")) as Index;

/** Softmax of ten times the mean colour of a PNG. */
async function probabilitiesOf(file: string): Promise<number[]> {
  const { channels } = await sharp(file).stats();
  const parts = channels.map(({ mean }) => Math.exp((10 * mean) / 255));
  const total = parts.reduce((a, b) => a + b, 0);
  return parts.map((part) => part / total);
}

test("of each class those are kept that an ONNX classifier of the images is surest of", () =>
  inTemporaryFolder(async (folder) => {
    const spec = path.join(folder, "spec.json");
    await writeFile(spec, JSON.stringify({ classIndex: { bag: 0, boot: [1, 2] } }));
    const draw = (out: string, ...more: string[]) =>
      succeed(["sample", vim, "-o", out, "--reject-with", net, "--classifier-spec", spec, "--threads", "1", ...more]);
    const [all, best] = [path.join(folder, "all"), path.join(folder, "best")];
    await draw(all, "--count", "16", "--acceptance", "1", "--batch-size", "5");
    await draw(best, "--count", "4", "--acceptance", "0.25");
    const [drawn, kept] = await Promise.all([indexOf(all), indexOf(best)]);
    for (const { file, className, confidence } of drawn.images) {
      const [red = 0] = await probabilitiesOf(path.join(all, file));
      expectClose([confidence], [className === "bag" ? red : 1 - red], file, { absolute: 1e-3 });
    }
    for (const wanted of ["bag", "boot"]) {
      const own = ({ images }: Index) => images.filter(({ className }) => className === wanted);
      const surest = own(drawn).sort((a, b) => b.confidence - a.confidence);
      const seeds = (images: Kept[]) => images.map(({ seed }) => seed).sort();
      assert.equal(seeds(own(kept)), seeds(surest.slice(0, 2)));
    }
    assert.is(kept.rejection.classifier, net);
    assert.is(kept.rejection.sha256.length, 64);
  }));

test("without a spec, with one that does not fit, or of a class it does not know, it is refused before anything is drawn", () =>
  inTemporaryFolder(async (folder) => {
    const wanted = { classNames: ["bag", "boot"], classIds: [0, 1] };
    await expectRejection(
      openImageJudge({ rejectWith: net }, wanted),
      UsageError,
      /--classifier-spec: .*net\.onnx does not say how .* or lay it beside as net\.json/,
    );
    const classifierSpec = path.join(folder, "spec.json");
    const given = async (value: object) => {
      await writeFile(classifierSpec, JSON.stringify(value));
      return openImageJudge({ rejectWith: net, classifierSpec }, wanted);
    };
    await expectRejection(given({ classNames: ["bag"] }), UsageError, /the classifier knows no class "boot"/);
    const beyond = { classIndex: { bag: 0, boot: 3 } };
    await expectRejection(given(beyond), FileError, /it has 3 outputs, .* names output 3/);
    const other = path.join(folder, "other.onnx");
    await copyFile(net, other);
    await writeFile(path.join(folder, "other.json"), JSON.stringify({ classNames: ["bag", "boot"], size: 28 }));
    await expectRejection(
      openImageJudge({ rejectWith: other }, wanted),
      FileError,
      /other\.onnx: want one side .* \(32 or 28\)/,
    );
  }));

test.run();
