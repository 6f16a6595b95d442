import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { lpipsNetwork } from "../../../commands/run/perceptualNetwork.js";
import type { NamedHostTensors } from "../../../lib/engine/types.js";
import { FileError, UsageError } from "../../../lib/errors.js";
import { weightsHash, writeHostTensors } from "../../../lib/files/hostTensors.js";
import { present } from "../../files/support.js";
import { expectRejection, fixture, inTemporaryFolder } from "../../support.js";
import { hashedCalibration, hashedVgg } from "../support/hashedVgg.js";

const test = suite("commands/run/perceptualNetwork");

const other = fixture("golden", "posembed.safetensors");

test("without files there is no LPIPS, with one of two it is said what to get", async () => {
  assert.is(await lpipsNetwork({ imageSize: 32 }), undefined);
  await expectRejection(
    lpipsNetwork({ lpips: other, imageSize: 32 }),
    UsageError,
    /^--lpips: wants VGG-16's weights as well; download https:.*vgg16-397923af\.pth and name it with --vgg$/,
  );
  await expectRejection(
    lpipsNetwork({ vgg: other, imageSize: 32 }),
    UsageError,
    /^--vgg: .*posembed.* has no weights of channels; download https:.*vgg\.pth and name it with --lpips$/,
  );
});

test("images without a pixel at the last level, missing files and other networks are refused", async () => {
  await expectRejection(
    lpipsNetwork({ vgg: other, lpips: other, imageSize: 15 }),
    UsageError,
    /--vgg: VGG-16 wants images of 16 pixels, got 15/,
  );
  await expectRejection(lpipsNetwork({ vgg: "none.pth", lpips: other, imageSize: 32 }), FileError, /none\.pth/);
  await expectRejection(lpipsNetwork({ vgg: other, lpips: other, imageSize: 32 }), FileError, /VGG-16.*features\.0/);
});

test("both files are named with their hashes, and the network has one that does not depend on them", () =>
  inTemporaryFolder(async (folder) => {
    const [vgg, lpips, whole] = ["vgg.pth", "lin.pth", "whole"].map((name) => path.join(folder, name)) as Three;
    const [network, calibration] = [hashedVgg(), hashedCalibration()];
    await writeHostTensors(vgg, network);
    await writeHostTensors(lpips, calibration);
    await writeHostTensors(whole, { ...renamed(network), ...calibration });
    const apart = present(await lpipsNetwork({ vgg, lpips, imageSize: 32 }));
    const sha256 = createHash("sha256")
      .update(await readFile(lpips))
      .digest("hex");
    assert.equal(apart.calibration, { file: "lin.pth", sha256, known: false });
    assert.equal([apart.vgg.file, apart.vgg.known], ["vgg.pth", false]);
    const together = present(await lpipsNetwork({ vgg: whole, imageSize: 32 }));
    assert.equal([together.vgg.file, together.calibration.file], ["whole", "whole"]);
    assert.is(together.network, apart.network);
    assert.is(apart.network, weightsHash(apart.weights));
  }));

type Three = [string, string, string];

const POOLINGS = [4, 9, 16, 23]; // places in torchvision's list

/** torchvision's names as a whole LPIPS has them, `net.slice{level}.{place}`. */
function renamed(network: NamedHostTensors): NamedHostTensors {
  const entries = Object.entries(network).map(([name, tensor]) => {
    const [, place, kind] = name.split(".");
    return [`net.slice${1 + POOLINGS.filter((at) => at < Number(place)).length}.${place}.${kind}`, tensor];
  });
  return Object.fromEntries(entries);
}

test.run();
