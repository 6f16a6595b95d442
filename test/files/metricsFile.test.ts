import { appendFile, readFile, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import { appendMetrics, cutMetrics, readMetrics, syncMetrics } from "../../lib/files/metricsFile.js";
import { expectRejection, inTemporaryFolder } from "../support.js";
import { namesIn } from "./support.js";

const test = suite("metricsFile");

test("records are lines of JSON and come back in order", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "metrics.jsonl");
    assert.equal(await readMetrics(file), []);
    await appendMetrics(file, { step: 1, loss: 0.5 });
    await appendMetrics(file, { step: 2, loss: Number.NaN });
    await syncMetrics(file);
    assert.is(await readFile(file, "utf8"), '{"step":1,"loss":0.5}\n{"step":2,"loss":null}\n');
    assert.equal(await readMetrics(file), [
      { step: 1, loss: 0.5 },
      { step: 2, loss: null },
    ]);
  });
});

test("cutting drops records after the step, the torn last line and lines that are no records", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "metrics.jsonl");
    await writeFile(file, '{"step":100}\nnoise\n{"step":200}\n{"loss":1}\n{"step":300}\n{"step":1');
    assert.is(await cutMetrics(file, 200), 4);
    assert.is(await readFile(file, "utf8"), '{"step":100}\n{"step":200}\n');
    await appendMetrics(file, { step: 201 });
    assert.equal(await readMetrics(file), [{ step: 100 }, { step: 200 }, { step: 201 }]);
    assert.equal(await namesIn(folder), ["metrics.jsonl"]);
  });
});

test("a last line torn just before its newline counts as torn", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "metrics.jsonl");
    await writeFile(file, '{"step":1}\n{"step":2}');
    assert.equal(await readMetrics(file), [{ step: 1 }]);
    assert.is(await cutMetrics(file, 5), 1);
    await appendFile(file, '{"step":3}\n');
    assert.equal(await readMetrics(file), [{ step: 1 }, { step: 3 }]);
  });
});

test("a file with nothing to cut is left as it is, and a missing one stays missing", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "metrics.jsonl");
    assert.is(await cutMetrics(file, 5), 0);
    await syncMetrics(file);
    assert.equal(await namesIn(folder), []);
    await appendMetrics(file, { step: 1 });
    const { ino } = await stat(file);
    assert.is(await cutMetrics(file, 1), 0);
    assert.is((await stat(file)).ino, ino);
  });
});

test("a place that cannot be written to is a FileError", async () => {
  await inTemporaryFolder(async (folder) => {
    await expectRejection(appendMetrics(path.join(folder, "gone", "m"), { step: 1 }), FileError, /gone.m: cannot/);
  });
});

test.run();
