import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { promisify } from "node:util";
import sharp from "sharp";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { inTemporaryFolder, vitvq } from "../support.js";

const test = suite("commands/report");

type Summary = {
  vitvq: string;
  git: { commit: string; changed: boolean } | null;
  psnr: number;
  stage1: { loss: number };
};

test("a folder becomes a summary, curves and a few lines", () =>
  inTemporaryFolder(async (folder) => {
    await writeRun(path.join(folder, "vq"));
    await writeFile(path.join(folder, "evaluation.json"), '{"psnr":21.5,"images":7}');
    const { status, stdout, stderr } = await vitvq(["report", folder]);
    assert.is(status, 0, stderr);
    assert.match(stdout, /^stage 1 +vq: 2 steps in 400 ms, not finished, loss 1\.000\n/);
    assert.match(stdout, /\nreconstruction +PSNR 21\.50 dB; 7 images\n/);
    const summary = JSON.parse(await readFile(path.join(folder, "summary.json"), "utf8")) as Summary;
    assert.equal([summary.psnr, summary.stage1.loss], [21.5, 1]);
    assert.match(summary.vitvq, /^\d+\.\d+\.\d+/);
    assert.is((await sharp(path.join(folder, "curves.png")).metadata()).format, "png");
    assert.match(await readFile(path.join(folder, "curves.svg"), "utf8"), /Stage 1: losses/);
    const again = await vitvq(["report", folder, "--json"]);
    assert.equal(JSON.parse(again.stdout), summary, "a second report finds the same");
  }));

test("without runs there are no curves, and --out leaves the folder alone", () =>
  inTemporaryFolder(async (folder) => {
    await writeFile(path.join(folder, "evaluation.json"), '{"psnr":null,"images":7}');
    await mkdir(path.join(folder, "second"));
    await writeFile(path.join(folder, "second", "evaluation.json"), "damaged");
    const out = path.join(folder, "out");
    const { status, stdout, stderr } = await vitvq(["report", folder, "--out", out]);
    assert.is(status, 0, stderr);
    assert.match(stdout, /reconstruction +PSNR infinite; 7 images\nwritten to .*: summary\.json\n$/);
    assert.match(stderr, /warning: .*second\/evaluation\.json: cannot be read/);
    assert.equal(await readdir(out), ["summary.json"]);
    assert.equal((await readdir(folder)).sort(), ["evaluation.json", "out", "second"]);
  }));

test("the commit of the current folder is named, and null where there is none", () =>
  inTemporaryFolder(async (cwd) => {
    await writeFile(path.join(cwd, "evaluation.json"), "{}");
    const commit = async (options: { cwd: string; env?: NodeJS.ProcessEnv }) =>
      (JSON.parse((await vitvq(["report", path.join(cwd), "--json"], options)).stdout) as Summary).git;
    assert.is(await commit({ cwd, env: { GIT_CEILING_DIRECTORIES: path.dirname(cwd) } }), null);
    assert.is(await commit({ cwd, env: { PATH: "" } }), null, "no git");
    const git = async (...args: string[]) => (await promisify(execFile)("git", args, { cwd })).stdout.trim();
    if (!(await git("--version").catch(() => ""))) return;
    const who = ["-c", "user.name=a", "-c", "user.email=a@b.c", "-c", "commit.gpgsign=false"];
    await git("init", "--quiet");
    await git("add", "evaluation.json");
    await git(...who, "commit", "--quiet", "-m", "one");
    assert.equal(await commit({ cwd }), { commit: await git("rev-parse", "HEAD"), changed: false });
    await writeFile(path.join(cwd, "evaluation.json"), '{"psnr":1}');
    assert.is((await commit({ cwd }))?.changed, true);
  }));

test("a folder without results is an error that says what was sought", () =>
  inTemporaryFolder(async (folder) => {
    const { status, stderr } = await vitvq(["report", folder]);
    assert.is(status, 3);
    assert.match(stderr, /found nothing to report.*evaluation\.json/);
    assert.equal(await readdir(folder), []);
  }));

async function writeRun(folder: string): Promise<void> {
  await mkdir(folder);
  await writeFile(path.join(folder, "config.json"), '{"command":"train-vq","options":{"batchSize":2,"seed":0}}');
  await writeFile(
    path.join(folder, "metrics.jsonl"),
    '{"step":1,"loss":2,"imagesPerSecond":10}\n{"step":2,"loss":1,"imagesPerSecond":10}\n',
  );
}

test.run();
