import { suite } from "uvu";
import * as assert from "uvu/assert";
import { run } from "./commands/support/spawn.js";

const test = suite("sharp");

const [broken, canvas, decode, drawing, images, pictures] = [
  "./brokenSharp.js",
  "../lib/ui/canvas.js",
  "../lib/data/decode.js",
  "../lib/ui/drawing.js",
  "../commands/support/images.js",
  "../lib/speed/pictures.js",
].map((file) => new URL(file, import.meta.url).href);

/** A call by each module that reads or writes images. */
const CALLS = [
  [canvas, "encodePng({ width: 1, height: 1, data: new Uint8Array(3) })"],
  [decode, "loadDecoder()"],
  [drawing, 'renderPng({ width: 1, height: 1, title: "", marks: [] })'],
  [images, 'writeImage("none.png", new Float32Array(1), { width: 1, height: 1, channels: 1 })'],
  [pictures, 'writePictures("none", { width: 1, height: 1, count: 1 }, 1)'],
] as const;

for (const [module, call] of CALLS)
  test(`where sharp does not load, ${call} ends with the exit code of an engine and says so`, async () => {
    const script = `
      const all = await import(${JSON.stringify(module)});
      await all.${call}.catch(({ message, exitCode }) => console.log(exitCode, message));`;
    const { stdout, stderr } = await run(process.execPath, ["--import", broken!, "--input-type=module", "-e", script]);
    assert.match(
      stdout,
      /^6 cannot load sharp, which reads and writes images: Could not load .*; `vitvq doctor` says/,
      stderr,
    );
  });

test.run();
