import { mkdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import * as ort from "onnxruntime-node";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { createOnnxEngine } from "../../lib/engine/onnxruntime.js";
import { fileHash } from "../../lib/files/fileHash.js";
import { readHostTensors } from "../../lib/files/hostTensors.js";
import { readModel } from "../../lib/files/readModel.js";
import { rngFrom } from "../../lib/random.js";
import { createDecoder, createEncoder } from "../../lib/sample/codec.js";
import { namesIn } from "../files/support.js";
import { expectClose, inTemporaryFolder } from "../support.js";
import { goldenImages, importing, publishedWeights, wanted } from "./support/published.js";
import { smallTokenizer, writeTokenizer } from "./support/smallTokenizer.js";
import { fail, jsonOf, succeed } from "./support/training.js";

const test = suite("commands/export");

const GRAPHS = ["decoder.onnx", "encoder.onnx", "quantizer.onnx"];

/** Runs a file by ONNX Runtime alone. */
async function run(file: string, input: ort.Tensor): Promise<Record<string, ort.Tensor>> {
  const session = await ort.InferenceSession.create(file);
  const results = await session.run({ [session.inputNames[0]!]: input });
  await session.release();
  return results as Record<string, ort.Tensor>;
}

test("onnxruntime alone encodes, quantizes and decodes with the files as the program does", () =>
  inTemporaryFolder(async (folder) => {
    const tokenizer = await writeTokenizer(path.join(folder, "vq"));
    const out = path.join(folder, "exported");
    await succeed(["export", tokenizer, "--out", out, "--batch-size", "3"]);
    assert.equal(await namesIn(out), [...GRAPHS, "model.json", "model.safetensors"].sort());

    const rng = rngFrom(7);
    const images = Float32Array.from({ length: 3 * 32 * 32 * 3 }, () => rng.uniform());
    const { tensors: weights } = await readModel(tokenizer);
    const engine = await createOnnxEngine({ threads: 1 });
    const codec = { engine, model: smallTokenizer, weights, batchSize: 3 };
    const [encoder, decoder] = [await createEncoder(codec), await createDecoder(codec)];
    const [codes, pictures] = [await encoder.encode(images), await decoder.decode(await encoder.encode(images))];
    await encoder.close();
    await decoder.close();

    const encoded = await run(path.join(out, "encoder.onnx"), new ort.Tensor("float32", images, [3, 32, 32, 3]));
    assert.equal(encoded["codes"]!.data, codes);
    const quantized = await run(path.join(out, "quantizer.onnx"), encoded["latents"]!);
    assert.equal([quantized["codes"]!.data, quantized["codewords"]!.dims], [codes, [3, 16, 4]]);
    const decoded = await run(path.join(out, "decoder.onnx"), encoded["codes"]!);
    expectClose(decoded["images"]!.data as Float32Array, pictures, "images", { absolute: 1e-5 });
  }));

for (const which of ["enhancing", "taming"] as const)
  test(`${which}: an imported model leaves as it came, and its files do what its program does`, () =>
    inTemporaryFolder(async (folder) => {
      const [imported, out] = [path.join(folder, "run"), path.join(folder, "exported")];
      await succeed(importing(which, imported));
      await succeed(["export", imported, "-o", out, "--batch-size", "2"]);
      const { tensors, metadata } = await readHostTensors(path.join(out, "model.safetensors"));
      const weights = await publishedWeights(which);
      assert.equal([metadata["layout"], metadata["format"]], [`${which}-transformers`, "pt"]);
      assert.equal(Object.keys(tensors).sort(), Object.keys(weights).sort());
      for (const [name, want] of Object.entries(weights)) assert.equal(tensors[name], want, name);
      const [images, want] = [await goldenImages(which), await wanted(which)];
      const side = Math.sqrt(images.length / 6);
      const encoded = await run(path.join(out, "encoder.onnx"), new ort.Tensor("float32", images, [2, side, side, 3]));
      assert.equal([...(encoded["codes"]!.data as Int32Array)], want.codes);
      const decoded = await run(path.join(out, "decoder.onnx"), encoded["codes"]!);
      expectClose(decoded["images"]!.data as Float32Array, want.images, "images", { absolute: 1e-5 });
    }));

type Description = {
  tokenizer: string;
  architecture: string;
  grid: number[];
  model: object;
  onnx: {
    opset: number;
    batchSize: number;
    files: Record<string, { bytes: number; sha256: string; inputs: object; outputs: object; operators: string[] }>;
  };
  torch: { layout: string; reason?: string; files: Record<string, { bytes: number; sha256: string }> };
};

test("model.json says what goes in and comes out, of which weights, and the hash of every file", () =>
  inTemporaryFolder(async (folder) => {
    const tokenizer = await writeTokenizer(path.join(folder, "vq"));
    const out = path.join(folder, "exported");
    const { out: where, ...result } = jsonOf(await succeed(["export", tokenizer, "-o", out, "--json"]));
    const text = await readFile(path.join(out, "model.json"), "utf8");
    assert.equal([where, result], [out, JSON.parse(text)]);
    const { onnx, torch, ...facts } = JSON.parse(text) as Description;
    assert.is(facts.tokenizer, (await readModel(tokenizer)).hash);
    assert.equal([facts.architecture, facts.grid, facts.model], ["ViT-VQGAN", [4, 4], smallTokenizer]);
    assert.equal([onnx.opset, onnx.batchSize, Object.keys(onnx.files).sort()], [20, 1, GRAPHS]);
    const { inputs, outputs, operators } = onnx.files["decoder.onnx"]!;
    assert.equal(inputs, {
      codes: { type: "int32", shape: [1, 16], meaning: "indices of codewords, tokens in raster order" },
    });
    assert.equal(outputs, {
      images: { type: "float32", shape: [1, 32, 32, 3], meaning: "pixels in [0, 1], channels last" },
    });
    assert.ok(operators.includes("LayerNormalization") && !operators.includes("FusedMatMul"), String(operators));
    assert.is(torch.layout, "vitvq");
    assert.match(torch.reason ?? "", /head: want none, got tanh/);
    for (const [name, { bytes, sha256 }] of Object.entries({ ...onnx.files, ...torch.files })) {
      assert.is((await readFile(path.join(out, name))).length, bytes, name);
      assert.is(await fileHash(path.join(out, name)), sha256, name);
    }
  }));

test("--format chooses; --force replaces an export and leaves other files alone", () =>
  inTemporaryFolder(async (folder) => {
    const tokenizer = await writeTokenizer(path.join(folder, "vq"));
    const out = path.join(folder, "exported");
    const exporting = (...more: string[]) => ["export", tokenizer, "-o", out, ...more];
    await succeed(exporting("--format", "onnx"));
    assert.equal(await namesIn(out), [...GRAPHS, "model.json"].sort());
    await writeFile(path.join(out, "notes.txt"), "mine");
    await fail(exporting(), 2, /exported is not empty; --force replaces an export in it/);
    await succeed(exporting("--format", "safetensors", "--force"));
    assert.equal(await namesIn(out), ["model.json", "model.safetensors", "notes.txt"]);
    const refused = exporting("--format", "safetensors", "--force", "--batch-size", "2");
    await fail(refused, 2, /--batch-size: changes nothing here; it wants --format onnx or all/);
  }));

test("what is no tokenizer, or not there, ends with 4 and writes nothing", () =>
  inTemporaryFolder(async (folder) => {
    const [vim, out] = [path.join(folder, "vim"), path.join(folder, "exported")];
    await mkdir(vim);
    await fail(["export", path.join(folder, "none"), "-o", out], 4, /none: no such run or model file/);
    const tokenizer = await writeTokenizer(path.join(folder, "vq"));
    await writeFile(path.join(vim, "config.json"), '{"command":"train-vim"}');
    await writeFile(path.join(vim, "model.safetensors"), await readFile(path.join(tokenizer, "model.safetensors")));
    await fail(["export", vim, "-o", out], 4, /want a model of train-vq, got one of train-vim/);
    assert.equal(await namesIn(folder), ["vim", "vq"]);
  }));

test("a run is never exported over itself, or over another one", () =>
  inTemporaryFolder(async (folder) => {
    const [one, other] = [await writeTokenizer(path.join(folder, "a")), await writeTokenizer(path.join(folder, "b"))];
    const before = await fileHash(path.join(other, "model.safetensors"));
    for (const run of [one, other])
      await fail(
        ["export", run, "--out", other, "--force"],
        2,
        /b is a run, whose model would be replaced; name another/,
      );
    assert.is(await fileHash(path.join(other, "model.safetensors")), before);
  }));

test.run();
