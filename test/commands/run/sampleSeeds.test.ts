import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { seededPlans, sharesOfPlans } from "../../../commands/run/sampleSeeds.js";
import type { SampleConfig } from "../../../commands/sample.js";
import type { VimConfig } from "../../../lib/models/vim.js";
import { inTemporaryFolder } from "../../support.js";
import { drawableVim } from "../support/drawableVim.js";
import { refusal } from "../support/refusal.js";
import { succeed } from "../support/training.js";

const test = suite("commands/run/sampleSeeds");

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
const { vim } = await drawableVim(shared);
test.after(() => rm(shared, { recursive: true, force: true }));

const classNames = ["cat", "dog", "owl"];
const plansOf = (seeds: number[], options: Partial<SampleConfig>, classes = 3) =>
  seededPlans(seeds, { config: options as SampleConfig, model: { classes } as VimConfig, classNames });

test("each seed is an image, of the one class or of its own, in the order given", async () => {
  assert.equal(plansOf([7, 5], { classes: ["owl"] }), [
    { seed: 7, classId: 2 },
    { seed: 5, classId: 2 },
  ]);
  const own = plansOf([7, 5, 9], { classes: ["owl", "cat", "owl"] });
  assert.equal(
    own.map(({ classId }) => classId),
    [2, 0, 2],
  );
  assert.equal(
    [...sharesOfPlans(own)],
    [
      [2, 2],
      [0, 1],
    ],
  );
  assert.equal(plansOf([7], { unconditional: true }), [{ seed: 7, classId: 3 }]);
  assert.match(await refusal(() => plansOf([], { classes: ["owl"] })), /--seeds: want one seed or more/);
  assert.match(await refusal(() => plansOf([7, 5, 9], {})), /--seeds: want the class .* the 3 seeds, got none/);
  assert.match(await refusal(() => plansOf([7, 5, 9], { classes: ["owl", "cat"] })), /got 2/);
});

test("an image of twelve drawn in batches of five is drawn again alone, bit for bit", () =>
  inTemporaryFolder(async (folder) => {
    const [all, one, few] = ["all", "one", "few"].map((name) => path.join(folder, name)) as [string, string, string];
    await succeed(["sample", vim, "-o", all, "--count", "12", "--batch-size", "5", "--top-k", "12"]);
    const { images } = JSON.parse(await readFile(path.join(all, "index.json"), "utf8")) as {
      images: { file: string; className: string; seed: number }[];
    };
    const [third, seventh] = [images[2]!, images[6]!];
    assert.is(seventh.className, "boot");
    const again = ["sample", vim, "--top-k", "12"];
    await succeed([...again, "-o", one, "--classes", "boot", "--seeds", String(seventh.seed)]);
    const bytes = (folder: string, file: string) => readFile(path.join(folder, file), "base64");
    assert.is(await bytes(one, "000000.png"), await bytes(all, seventh.file));
    const index = JSON.parse(await readFile(path.join(one, "index.json"), "utf8")) as Record<string, unknown>;
    assert.not("seed" in index, "no seed of the whole had a part in it");
    const seeds = `${seventh.seed},${third.seed}`;
    await succeed([
      ...again,
      "-o",
      few,
      "--classes",
      "boot",
      "--classes",
      "bag",
      "--seeds",
      seeds,
      "--batch-size",
      "2",
    ]);
    assert.is(await bytes(few, "000000.png"), await bytes(all, seventh.file));
    assert.is(await bytes(few, "000001.png"), await bytes(all, third.file));
    assert.not.equal(await bytes(few, "000000.png"), await bytes(few, "000001.png"));
  }));

test.run();
