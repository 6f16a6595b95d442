import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { encodeGrowth } from "../../bench/encodeGrowth.js";
import { folderCost, makeFiles } from "../../bench/folderGrowth.js";
import { openTokenFile } from "../../lib/files/tokenFile.js";
import { inTemporaryFolder } from "../support.js";

const test = suite("bench/encodeGrowth");

test("simulated images become rows with labels, and every stretch has its figures", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "codes.safetensors");
    const stretches = await encodeGrowth(file, [1000, 3000], 1);
    const tokens = await openTokenFile(file);
    assert.equal([tokens.count, tokens.tokensPerImage, tokens.labels?.[17]], [3000, 4, 7]);
    const rows = Array.from({ length: 50 }, (_, i) => 60 * i);
    assert.ok(new Set(await tokens.read(rows)).size > 3, "images differ, and so do codes");
    await tokens.close();
    assert.equal(
      stretches.map(({ images }) => images),
      [1000, 3000],
    );
    for (const { seconds, processorSeconds, rss, live } of stretches)
      assert.ok(seconds > 0 && seconds < 0.1 && processorSeconds > 0 && live > 1e6 && rss > live);
  });
});

test("a folder of empty files is listed whole, in classes and in one", async () => {
  await inTemporaryFolder(async (folder) => {
    for (const classes of [true, false]) {
      const place = path.join(folder, String(classes));
      await mkdir(place);
      await makeFiles(place, 1500, { classes });
      await writeFile(path.join(place, "notes.txt"), "");
      const { files, seconds } = await folderCost(place);
      assert.is(files, 1500);
      assert.ok(seconds > 0 && seconds < 10, `${seconds} s`);
    }
  });
});

test.run();
