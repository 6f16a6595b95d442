import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createRepeated } from "../../lib/engine/onnxruntime.js";
import { openEngine } from "../../lib/engine/open.js";
import { stepCost } from "../../lib/engine/stepCost.js";
import { DataError, UsageError } from "../../lib/errors.js";
import type { Means, Prepared } from "../../lib/speed/measurement.js";
import { MEASUREMENTS, type MeasurementName } from "../../lib/speed/names.js";
import { prepare } from "../../lib/speed/prepare.js";
import { residentOnHost } from "../engine/support/residentOnHost.js";
import { namesIn } from "../files/support.js";
import { expectRejection, fixture, inTemporaryFolder, projectRoot } from "../support.js";
import { SMALLEST } from "./support.js";

const test = suite("speed/prepare");

let opened = 0;
const MEANS: Means = {
  size: SMALLEST,
  openEngine: () => {
    opened++;
    return openEngine("onnxruntime", { threads: 1 });
  },
  binary: path.join(projectRoot, "dist", "bin", "vitvq.js"),
};

async function prepared<T>(name: MeasurementName, body: (one: Prepared) => Promise<T>, means = MEANS): Promise<T> {
  const one = await prepare(name, means);
  try {
    return await body(one);
  } finally {
    await one.close();
  }
}

const SIZES: Readonly<Record<MeasurementName, readonly [items: number, unit: string]>> = {
  "train-vq-ae": [2, "images"],
  "train-vq-full": [2, "images"],
  "train-vim": [2, "images"],
  encode: [3, "images"],
  decode: [3, "images"],
  "sample-1": [1, "codes"],
  "sample-8": [8, "codes"],
  "sample-32": [32, "codes"],
  data: [4, "images"],
  "start-node": [1, "starts"],
  "start-help": [1, "starts"],
  "start-sample-help": [1, "starts"],
};

for (const name of MEASUREMENTS)
  test(`${name} runs twice, says how much it handles, and is counted where it computes`, () =>
    prepared(name, async ({ run, items, unit, plans, elsewhere = false }) => {
      for (let i = 0; i < 2; i++) await run();
      assert.equal([items, unit], SIZES[name]);
      const counted = plans?.map(({ step, options }) => stepCost(step, options).multiplyAdds);
      if (unit === "starts" || name === "data") assert.is(counted, undefined);
      else assert.ok(counted!.every((count) => Number.isFinite(count) && count > 0));
      assert.is(elsewhere, unit === "starts");
    }));

test("a step with VGG-16 and discriminator has more multiply-adds than one without", async () => {
  const count = (name: MeasurementName) =>
    prepared(name, async ({ plans }) => stepCost(plans![0]!.step, plans![0]!.options).multiplyAdds);
  assert.ok((await count("train-vq-full")) > 2 * (await count("train-vq-ae")));
});

test("a step of sampling multiplies by every weight, and by the keys and values that its cache has room for", () =>
  prepared("sample-8", async ({ plans, work }) => {
    const { multiplyAdds } = stepCost(plans![0]!.step, plans![0]!.options);
    assert.is(work!.cacheBytes, 4 * 2 * 2 * 4 * 16 * 8); // 4 positions of 9 are filled
    // The cache has room for all of the 9 positions: scores with them and mixes of them, 2 blocks, width 16, 8 sequences.
    assert.is(multiplyAdds, work!.multiplyAdds + 2 * 2 * 9 * 16 * 8);
  }));

test("where keys and values stay on the device, sequences go on from run to run, and begin again at their end", async () => {
  const device = residentOnHost(await openEngine("onnxruntime", { threads: 1 }));
  const live: number[] = [];
  const onDevice = { ...MEANS, openEngine: async () => device };
  await prepared(
    "sample-8",
    async ({ run, items }) => {
      assert.is(items, 8);
      // Of 9 codes 3 are given, and the first of the others is drawn before anything is timed; the sixth run begins again.
      for (let i = 0; i < 7; i++) {
        live.push(device.live());
        await run();
      }
    },
    onDevice,
  );
  assert.ok(live[0]! > 0);
  assert.equal(live, new Array(7).fill(live[0]), "as much as at the first position");
  assert.is(device.live(), 0);
});

test("calls that draw many codes are not measured", async () => {
  const host = await openEngine("onnxruntime", { threads: 1 });
  const openRepeated = async () => ({ ...host, device: "cuda", repeated: await createRepeated() });
  await expectRejection(
    prepare("sample-1", { ...MEANS, openEngine: openRepeated }),
    UsageError,
    /^sample-1: calls that draw many codes are not measured; vitvq sample tells codes\/s on cuda/,
  );
});

test("loading gives images of the wanted size, decoded anew, and takes its pictures away again", () =>
  inTemporaryFolder(async (folder) => {
    const before = process.env["TMPDIR"];
    process.env["TMPDIR"] = folder; // where temporary folders are made from here on
    try {
      await prepared("data", async ({ run }) => {
        assert.is((await namesIn(folder)).length, 1);
        const { images, indices } = (await run()) as { images: Float32Array; indices: Int32Array };
        assert.equal([images.length, indices.length], [4 * 16 * 16, 4]);
        assert.ok(new Set(images).size > 100);
      });
      assert.equal(await namesIn(folder), []);
    } finally {
      if (before === undefined) delete process.env["TMPDIR"];
      else process.env["TMPDIR"] = before;
    }
  }));

test("images of one's own are loaded instead, and no engine is opened for it", async () => {
  const before = opened;
  const data = fixture("photos-mini");
  await prepared("data", async ({ run }) => assert.ok(await run()), { ...MEANS, data });
  assert.is(opened, before);
  await prepare("data", { ...MEANS, data: path.join(data, "none") }).then(
    () => assert.unreachable(),
    (error) => assert.instance(error, DataError),
  );
});

test("a start that fails is no timing", () =>
  prepared(
    "start-help",
    async ({ run }) => {
      await run().then(
        () => assert.unreachable(),
        (error: Error) => assert.match(error.message, /none\.js --help: ended with status 1/),
      );
    },
    { ...MEANS, binary: path.join(projectRoot, "none.js") },
  ));

test.run();
