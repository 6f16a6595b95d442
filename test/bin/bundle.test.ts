import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { expectPortable } from "../../bin/bundle/natives.js";
import { expectLinuxX64, licenceOf } from "../../bin/bundle/nodeBinary.js";
import { version } from "../../commands/support/version.js";
import { VitvqError } from "../../lib/errors.js";
import { run } from "../commands/support/spawn.js";
import { jsonOf, trainVim, trainVq } from "../commands/support/training.js";
import { namesIn } from "../files/support.js";
import type { Finished } from "../support.js";

const test = suite("bin/bundle");

const program = fileURLToPath(new URL("../../bin/bundle.js", import.meta.url));
const name = `vitvq-${version()}-linux-x64`;

const shared = await mkdtemp(path.join(tmpdir(), "vitvq-test-"));
/** Where the bundle is unpacked, where programs are found, and where commands run. */
const [home, tools, work] = ["un packed", "tools", "work"].map((folder) => path.join(shared, folder)) as [
  string,
  string,
  string,
];
const folder = path.join(home, name);

/** Runs a program where no other is found but `vitvq`, over a link, and what its launcher needs; without Node above all. */
const bare = (args: readonly string[], cwd = work): Promise<Finished> =>
  run("env", ["-i", `PATH=${tools}`, ...args], { cwd });

/** Runs the bundled `vitvq`, which must end well. */
async function succeed(args: readonly string[], cwd?: string): Promise<Finished> {
  const finished = await bare(["vitvq", ...args], cwd);
  assert.is(finished.status, 0, `vitvq ${args.join(" ")}\n${finished.stderr}`);
  return finished;
}

/** Names of files and folders below a folder, with when they were changed. */
async function listing(below: string): Promise<string[]> {
  const names = (await readdir(below, { recursive: true })).sort();
  return Promise.all(names.map(async (entry) => `${entry} ${(await stat(path.join(below, entry))).mtimeMs}`));
}

let [packed, finished]: [string[], Finished | undefined] = [[], undefined];

async function unpack(): Promise<void> {
  for (const made of [home, tools, work]) await mkdir(made);
  const args = ["--experimental-import-meta-resolve", program, "--uncompressed", "--out", shared];
  finished = await run(process.execPath, args);
  assert.is(finished.status, 0, finished.stderr);
  assert.is((await run("tar", ["-xf", path.join(shared, `${name}.tar`), "-C", home])).status, 0);
  const { stdout } = await run("sh", ["-c", "command -v readlink"]);
  await symlink(stdout.trim(), path.join(tools, "readlink"));
  await symlink(path.join(folder, "vitvq"), path.join(tools, "vitvq"));
  packed = await listing(folder);
}

function defineTests(): void {
  test.before(unpack);

  test("the path of the archive is the only word on stdout", async () => {
    assert.is(finished!.stdout, `${path.join(shared, `${name}.tar`)}\n`);
    assert.match(finished!.stderr, /^bundle: needs glibc 2\.\d+, and libstdc\+\+ with GLIBCXX_3\.4\.\d+$/m);
    assert.equal(await namesIn(shared), ["tools", "un packed", `${name}.tar`, "work"]);
  });

  test("it has the program, licences and data, and nothing for development or other systems", async () => {
    const files = packed.map((line) => line.slice(0, line.lastIndexOf(" ")));
    const texts = ["CHANGELOG.md", "CONTENTS.md", "LICENSE", "README.md", "bench", "docs"];
    const top = [...texts, "dist", "fixtures", "node", "node_modules"];
    assert.equal(await namesIn(folder), [...top, "package.json", "vitvq"].sort());
    const wanted = ["node/LICENSE", "node_modules/sharp/LICENSE", "fixtures/emoji-mini/OFL.txt", "fixtures/README.md"];
    wanted.push("node_modules/yargs/locales/en.json", "dist/bin/vitvq.js.map");
    for (const file of wanted) assert.ok(files.includes(file), file);
    assert.equal(await namesIn(path.join(folder, "dist")), ["bin", "commands", "lib"]);
    const odd = /typescript|biome|uvu|\.d\.[cm]?ts$|node_modules.*\.map$|darwin|win32|arm64|musl/;
    assert.equal(
      files.filter((file) => odd.test(file)),
      [],
    );
    const natives = files
      .filter((file) => /\.(node|so[.\d]*|dll|dylib)$/.test(file))
      .map((file) => path.basename(file));
    const versions = natives.map((file) => file.replace(/-?\d+\.\d+\.\d+/, "")).sort();
    const sharp = ["libvips-cpp.so.", "sharp-linux-x64.node"];
    assert.equal(versions, ["libonnxruntime.so.1", ...sharp, "onnxruntime_binding.node"].sort());
  });

  test("its inventory names every package, and every text that it names is there", async () => {
    const text = await readFile(path.join(folder, "CONTENTS.md"), "utf8");
    const known = [...text.matchAll(/^\| \[(.+?)\]/gm)].map(([, known]) => known);
    for (const wanted of [
      "Node.js",
      "@tensorflow/tfjs-core",
      "onnxruntime-node",
      "@img/sharp-libvips-linux-x64",
      "yargs",
    ])
      assert.ok(known.includes(wanted), wanted);
    for (const [, file] of text.matchAll(/`(.+?)`/g)) assert.ok((await stat(path.join(folder, file!))).isFile(), file);
  });

  test("--version, --help and doctor work without Node, over a link, from any folder", async () => {
    assert.is((await bare(["sh", "-c", "node"])).status, 127, "neither sh nor Node is here");
    assert.equal(await succeed(["--version"], "/"), { status: 0, stdout: `${version()}\n`, stderr: "" });
    assert.match((await succeed(["--help"])).stdout, /^vitvq <command> \[options\]\n/);
    const report = jsonOf(await succeed(["doctor", "--json"], shared)) as {
      images: { works: boolean; libvips: string };
      engines: { engine: string; works: boolean }[];
    };
    assert.ok(report.images.works);
    assert.match(report.images.libvips, /^\d+\./);
    assert.equal(report.engines.find(({ works }) => works)?.engine, "onnxruntime");
  });

  test("every module loads, and native parts are the bundle's or of a base system", async () => {
    const script = `
      const own = process.argv.slice(1).filter((file) => !/bin.vitvq|availabilityJobs/.test(file)); // these two run at once
      for (const file of own) await import(file);
      for (const name of ["onnxruntime-node", "sharp", "yargs", "yaml", "ora", "cli-progress"]) await import(name);
      const { versions } = (await import("sharp")).default;
      console.log(JSON.stringify({ own: own.length, shared: process.report.getReport().sharedObjects, versions }));`;
    const names = (await readdir(path.join(folder, "dist"), { recursive: true })).filter((file) => /\.js$/.test(file));
    const node = path.join(folder, "node", "node");
    const files = names.map((file) => path.join(folder, "dist", file));
    const { status, stdout, stderr } = await bare([node, "--input-type=module", "--eval", script, ...files], folder);
    assert.is(status, 0, stderr);
    const {
      own,
      shared: objects,
      versions,
    } = JSON.parse(stdout) as {
      own: number;
      shared: string[];
      versions: Record<string, string>;
    };
    assert.ok("png" in versions, "sharp knows the versions of its parts");
    assert.ok(own > 300, `${own} modules`);
    const bundled = objects.filter((file) => file.startsWith(folder)).map((file) => path.basename(file));
    assert.is(bundled.filter((file) => /vips|sharp|onnxruntime/.test(file)).length, 4, bundled.join());
    const foreign = objects.filter((file) => !file.startsWith(folder) && file.includes("node_modules"));
    assert.equal(foreign, []);
  });

  test("images are learned, encoded, modelled, drawn and probed, each from another folder", async () => {
    const at = (...parts: string[]) => path.join(work, ...parts);
    const codes = at("codes.safetensors");
    const images = path.join(folder, "fixtures", "fashion-mnist-mini", "t10k-images-idx3-ubyte.gz");
    await mkdir(at("other"));
    await succeed(trainVq("vq", "--steps", "4"), work);
    await succeed(["encode", images, "-t", "../vq", "-o", codes, "--limit", "40", "--threads", "1"], at("other"));
    await succeed(trainVim(codes, at("vim"), "--steps", "4"), "/");
    await succeed(["sample", ".", "-o", "../samples", "--classes", "boot", "--count", "2"], at("vim"));
    assert.equal(await namesIn(at("samples")), ["000000.png", "000001.png", "grid.png", "index.json"]);
    const probe = ["probe", "../vim", "--train", codes, "--test", codes, "-o", at("probe"), "--no-stage1", "--json"];
    const { best } = jsonOf(await succeed(probe, at("samples")));
    assert.type(best, "object");
  });

  test("nothing was written into it", async () => {
    assert.equal(await listing(folder), packed);
  });
}

test("what a bundle needs is asked for in one line, and nothing is written", async () => {
  const out = path.join(shared, "none");
  const { status, stdout, stderr } = await run(process.execPath, [program, "--out", out]); // without the flag
  assert.equal([status, stdout, existsSync(out)], [2, "", false]);
  assert.match(stderr, /^bundle: .*\n$/);
});

/** Why no bundle can be made of the Node that runs this. */
async function obstacle(): Promise<string | undefined> {
  try {
    expectLinuxX64();
    await expectPortable(process.execPath);
    licenceOf(process.execPath);
    return undefined;
  } catch (error) {
    if (error instanceof VitvqError) return error.message;
    throw error;
  }
}

const reason = await obstacle();
if (reason === undefined) defineTests();
else test.skip(`a bundle is made and used: not here, ${reason}`);
test.after(() => rm(shared, { recursive: true, force: true }));

test.run();
