import { spawnSync } from "node:child_process";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { FileError } from "../../lib/errors.js";
import {
  createPending,
  isTemporaryName,
  makeFolder,
  stableJson,
  temporaryName,
  writeAtomically,
  writeJson,
} from "../../lib/files/atomic.js";
import { expectRejection, inTemporaryFolder, projectRoot } from "../support.js";
import { namesIn } from "./support.js";

const test = suite("atomic");

test("text, bytes and what a function writes arrive whole, with missing folders made and no temporary file left", async () => {
  await inTemporaryFolder(async (folder) => {
    const nested = path.join(folder, "a", "b");
    await writeAtomically(path.join(nested, "text"), "héllo\n");
    await writeAtomically(path.join(nested, "bytes"), Uint8Array.of(0, 255, 7));
    await writeAtomically(path.join(nested, "called"), async (handle) => {
      await handle.write("one ");
      await handle.write("two");
    });
    assert.is(await readFile(path.join(nested, "text"), "utf8"), "héllo\n");
    assert.equal([...(await readFile(path.join(nested, "bytes")))], [0, 255, 7]);
    assert.is(await readFile(path.join(nested, "called"), "utf8"), "one two");
    assert.equal(await namesIn(nested), ["bytes", "called", "text"]);
  });
});

test("a folder is made with those above it; what is in the way is a FileError that names it", async () => {
  await inTemporaryFolder(async (folder) => {
    const nested = path.join(folder, "a", "b");
    for (const _ of ["made", "there already"]) await makeFolder(nested);
    assert.equal(await namesIn(nested), []);
    const file = path.join(folder, "file");
    await writeFile(file, "");
    await expectRejection(makeFolder(file), FileError, /file: cannot be made: EEXIST/);
    await expectRejection(makeFolder(path.join(file, "below")), FileError, /below: cannot be made: ENOTDIR/);
  });
});

test("nothing shows under the final name before commit, and the old file stays until then", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "file");
    await writeFile(file, "old");
    const pending = await createPending(file);
    await pending.write(Buffer.from("new"), 0);
    assert.is(await readFile(file, "utf8"), "old");
    await pending.commit();
    assert.is(await readFile(file, "utf8"), "new");
    await pending.abort();
    assert.is(await readFile(file, "utf8"), "new", "abort after commit does nothing");
  });
});

test("an error of the writing function passes through; the old file stays and the temporary one goes", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "file");
    await writeFile(file, "old");
    const failing = writeAtomically(file, async (handle) => {
      await handle.write("half");
      throw new RangeError("stop");
    });
    await expectRejection(failing, RangeError, /^stop$/);
    assert.is(await readFile(file, "utf8"), "old");
    assert.equal(await namesIn(folder), ["file"]);
  });
});

test("what the system refuses is a FileError that names the file, with nothing left behind", async () => {
  await inTemporaryFolder(async (folder) => {
    await mkdir(path.join(folder, "taken", "inside"), { recursive: true });
    await expectRejection(writeAtomically(path.join(folder, "taken"), "x"), FileError, /taken: cannot be written/);
    assert.equal(await namesIn(folder), ["taken"]);
    await writeFile(path.join(folder, "plain"), "");
    await expectRejection(writeAtomically(path.join(folder, "plain", "file"), "x"), FileError, /plain.file: cannot/);
  });
});

test("what a killed process of the same number left behind is in nobody's way", async () => {
  await inTemporaryFolder(async (folder) => {
    const file = path.join(folder, "codes.safetensors");
    const atomic = path.join(projectRoot, "dist", "lib", "files", "atomic.js");
    // In a container each process has this number, and begins to count anew.
    const code = `
      const { pid } = process;
      Object.defineProperty(process, "pid", { value: 1 });
      const { createPending } = await import(${JSON.stringify(atomic)});
      await createPending(${JSON.stringify(file)});
      process.kill(pid, "SIGKILL");`;
    for (const _ of [1, 2])
      assert.is(spawnSync(process.execPath, ["--input-type=module", "-e", code]).signal, "SIGKILL");
    assert.is((await namesIn(folder)).filter(isTemporaryName).length, 2);
  });
});

test("temporary names are recognised, differ each time, and other names are not taken for them", () => {
  const first = temporaryName("/run/model.safetensors");
  assert.is(path.dirname(first), "/run");
  assert.ok(isTemporaryName(path.basename(first)));
  assert.is.not(first, temporaryName("/run/model.safetensors"));
  assert.ok(isTemporaryName("model.safetensors.17-0.tmp"), "as they were counted once");
  for (const name of ["model.safetensors", "notes.tmp", "step-000500"]) assert.not(isTemporaryName(name), name);
});

test("JSON has sorted keys, two spaces and a newline, whatever the order of building", async () => {
  await inTemporaryFolder(async (folder) => {
    await writeJson(path.join(folder, "a.json"), { b: [{ z: 1, y: null }], a: "x" });
    await writeJson(path.join(folder, "b.json"), { a: "x", b: [{ y: null, z: 1 }], gone: undefined });
    const text = await readFile(path.join(folder, "a.json"), "utf8");
    assert.is(text, '{\n  "a": "x",\n  "b": [\n    {\n      "y": null,\n      "z": 1\n    }\n  ]\n}\n');
    assert.is(await readFile(path.join(folder, "b.json"), "utf8"), text);
  });
});

test("JSON refuses numbers that would silently become null", () => {
  assert.throws(() => stableJson({ clip: Number.POSITIVE_INFINITY }), /clip is Infinity; want a finite number/);
  assert.throws(() => stableJson([Number.NaN]), /is NaN/);
});

test.run();
