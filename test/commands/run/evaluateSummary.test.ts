import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Figures } from "../../../commands/run/evaluateFigures.js";
import { summary } from "../../../commands/run/evaluateSummary.js";

const test = suite("commands/run/evaluateSummary");

const sha256 = (start: string) => start.padEnd(64, "0");

function figures(images: number): Figures {
  const score = { mean: 3.155, std: 0.25, splits: 10 };
  return {
    command: "evaluate",
    version: "0",
    data: "/data",
    images,
    damaged: 2,
    imageSize: 32,
    channels: 3,
    resize: "cover",
    psnr: 21.304,
    psnrOfMeanMse: null,
    exactImages: 0,
    mae: 0.0312,
    mse: 0.00213,
    ssim: 0.78125,
    lpips: 0.16304,
    logitLaplace: -1.2345,
    usage: 0.9,
    batchUsage: 0.8,
    batchImages: 256,
    perplexity: 812.34,
    rfid: 12.345,
    inceptionScore: score,
    originalsInceptionScore: score,
    localFrechet: 0.34567,
    codebookSize: 1024,
    tokensPerImage: 16,
    tokenizer: sha256("abcdef012345"),
    protocol: {
      psnr: { range: 1, mean: "of images", images },
      ssim: { window: "11x11 Gaussian, sigma 1.5", images },
      logitLaplace: { density: "logit-Laplace of DALL-E", epsilon: 0.1, unit: "nats a value", images },
      usage: { batchImages: 256, batches: 1, imagesLeftOut: 7 },
      lpips: {
        version: "0.1",
        backbone: "VGG-16",
        vgg: { file: "v.pth", sha256: sha256("397923af1234"), known: true },
        calibration: { file: "l.pth", sha256: sha256("0011"), known: false },
        network: sha256("2"),
        images,
      },
      inception: {
        file: "i.pth",
        sha256: sha256("6726825d1234"),
        known: true,
        network: sha256("3"),
        resize: "pytorch-fid",
        pixels: "rounded to 8 bits",
        originals: images,
        reconstructions: images,
        singularCovariance: images <= 2048,
        statistics: { file: "kept", read: true },
      },
      local: {
        run: "runs/judge",
        tokenizer: sha256("fedcba543210"),
        features: "output of the encoder's last block, mean over tokens",
        dim: 128,
        comparable: "not",
        pixels: "rounded to 8 bits",
        originals: images,
        reconstructions: images,
        judgesItself: false,
        singularCovariance: images <= 128,
      },
    },
    seconds: 1,
  };
}

const lineOf = (text: string, metric: string) =>
  text.split("\n").find((line) => line.startsWith(`${metric}  `)) ?? assert.unreachable(`no line ${metric}\n${text}`);

test("each score has a line with its protocol, counts and hashes", () => {
  const text = summary(figures(5000));
  const expected: Record<string, RegExp> = {
    images: /5,000 +of 16 codes, 2 damaged left out; 32 x 32 x 3, cover$/,
    tokenizer: /abcdef012345 /,
    PSNR: /21\.30 dB +mean of 5,000 images, pixels in \[0, 1\]; of their mean squared error: infinite$/,
    SSIM: /0\.7813 .*11x11.*5,000 images$/,
    "logit-laplace": /-1\.23[45] nats +.*epsilon 0\.1.*5,000 images$/,
    LPIPS: /0\.1630 .*\(v\.pth, 397923af1234, the published file\), .*\(l\.pth, 001100000000, not the published file\)/,
    "codebook usage": /90\.0% +of 1,024 codes, over the whole set$/,
    "in 256 images": /80\.0% +of 1,024 codes, mean of 1 batch, 7 images left out$/,
    perplexity: /812\.3 /,
    rFID: /12\.3[45] +5,000 reconstructions, 5,000 originals out of kept; Inception \(i\.pth, 6726825d1234, the .* 8 bits$/,
    IS: /3\.1[56] \+- 0\.25 +10 splits of 5,000 reconstructions; Inception .*pytorch-fid/,
    "Fréchet distance":
      /0\.3457 +on features of runs\/judge \(fedcba543210; not comparable to published FID\); .*128 wide; 5,000 reconstructions, as many originals$/,
    "IS of originals": /3\.1[56] \+- 0\.25 +10 splits of 5,000 originals out of kept; Inception /,
  };
  for (const [metric, pattern] of Object.entries(expected)) assert.match(lineOf(text, metric) as string, pattern);
});

test("no more images than features are said to be few", () => {
  assert.match(
    lineOf(summary(figures(2048)), "rFID") as string,
    /; of little worth, with 2,048 images for 2,048 features$/,
  );
  assert.not.match(summary(figures(2049)), /little worth/);
  assert.match(
    lineOf(summary(figures(128)), "Fréchet distance") as string,
    /; of little worth, with 128 images for 128 features$/,
  );
});

test("a tokenizer that judges its own reconstructions is said to", () => {
  const { protocol, ...all } = figures(5000);
  const local = { ...protocol.local!, judgesItself: true };
  const text = summary({ ...all, protocol: { ...protocol, local } });
  assert.match(lineOf(text, "Fréchet distance") as string, /; the tokenizer judges itself$/);
});

test("scores that were not taken have no line", () => {
  const all = figures(5000);
  const protocol = { ...all.protocol, logitLaplace: null, lpips: null, inception: null, ssim: null, local: null };
  const text = summary({
    ...all,
    lpips: null,
    logitLaplace: null,
    rfid: null,
    ssim: null,
    localFrechet: null,
    protocol,
  });
  assert.not.match(text, /LPIPS|logit|rFID|IS |Fréchet/);
  assert.match(text, /^SSIM +- +images are too small/m);
});

test.run();
